import { access, constants, lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { faultOf } from '../../persistence/level/file-errors.ts';
import { StorageFault } from '../../persistence/level/storage-faults.ts';
import type { Config } from '../config/config.ts';
import { socketsWithin, webSocketsAmong } from '../limits/open-files.ts';
import { percentile } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import { checkDatabase } from './local-database.ts';
import { checkFiles } from './local-files.ts';
import type { LocalDeps, LocalState } from './machine.ts';
import { findingOf, findingOfAny } from './storage-findings.ts';

/** Above this, other users notice the delay of a keystroke. */
const slowFsyncMs = 50;
/** A warning at this multiple of the reserve leaves time to act before documents become read-only. */
const lowFactor = 4;
const clockToleranceMs = 60_000;
/**
 * Examines the machine and the data folder. Writes only files of its own and removes them. The content of the data
 * folder does not change, for any user that runs the doctor, also while a server runs. A fault of the machine becomes a
 * finding; the promise does not reject for it.
 */
export async function checkMachine(config: Config, deps: LocalDeps): Promise<LocalState> {
  const state: LocalState = { findings: [], measurements: [] };
  const limit = await deps.openFilesLimit();
  if (limit !== null) {
    state.measurements.push({ name: 'open files', value: `${limit} allowed` });
    if (webSocketsAmong(socketsWithin(limit)) < config.limits.maxConnections) {
      state.findings.push(finding('local-file-limit', { limit, connections: config.limits.maxConnections }));
    }
  }
  if (!config.ephemeral) await checkFolder(config, deps, state);
  return state;
}

async function checkFolder(config: Config, deps: LocalDeps, state: LocalState): Promise<void> {
  const folder = resolve(config.dataDir);
  const unusable = await accessFault(folder);
  if (unusable !== null) state.findings.push(unusable);
  // A folder without write permission can still be examined.
  const names = await readdir(folder).catch(() => null);
  if (names === null) return;
  if (names.includes('CURRENT'))
    state.findings.push(finding('local-inner-folder', { folder, parent: dirname(folder) }));

  let hasRoom = unusable === null;
  await step(folder, state, async () => {
    hasRoom = (await checkDisk(folder, config, deps, state)) && hasRoom;
  });
  await step(folder, state, async () => addNew(state, await checkFiles(folder)));
  const documents = join(folder, 'documents');
  if (names.includes('documents')) {
    await step(documents, state, () => checkClock(documents, deps, state));
    await step(documents, state, () => checkDatabase(documents, deps, state));
  } else {
    state.measurements.push({ name: 'database', value: 'none yet; the server creates it on its first start' });
  }
  if (!hasRoom) return;
  await step(folder, state, () => checkFsync(folder, deps, state));
  await step(folder, state, () => deps.probeLocks(folder, false));
}

/** Turns an error of the file system into a finding, so that the other checks still run. */
async function step(path: string, state: LocalState, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    addNew(state, [await findingOfAny(path, error)]);
  }
}

/** Adds findings that are not in the list yet. Several checks may find the same cause. */
function addNew({ findings }: LocalState, found: readonly Finding[]): void {
  for (const one of found) {
    if (!findings.some(({ code, sentence }) => code === one.code && sentence === one.sentence)) findings.push(one);
  }
}

/** Why a server that runs as this user could not use the data folder; null if it could. */
async function accessFault(folder: string): Promise<Finding | null> {
  try {
    if (!(await stat(folder)).isDirectory())
      return findingOf(new StorageFault('not-a-folder', { folder, path: folder }));
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const fault = await faultOf(folder, error);
    const isMissing = fault instanceof StorageFault && fault.fault === 'missing';
    return isMissing ? finding('local-folder-missing', { folder }) : findingOf(fault);
  }
}

async function checkDisk(folder: string, config: Config, deps: LocalDeps, state: LocalState): Promise<boolean> {
  if ((await deps.freeInodes(folder)) === 0) {
    state.findings.push(finding('local-no-inodes', { folder }));
    return false;
  }
  const freeBytes = await deps.freeBytes(folder);
  const facts = { folder, free: size(freeBytes), reserve: size(config.diskReserveBytes) };
  state.measurements.push({ name: 'free disk', value: facts.free });
  if (freeBytes < config.diskReserveBytes) {
    state.findings.push(finding('local-disk-full', facts));
    return false;
  }
  if (freeBytes < config.diskReserveBytes * lowFactor) state.findings.push(finding('local-disk-low', facts));
  return true;
}

async function checkFsync(folder: string, deps: LocalDeps, state: LocalState): Promise<void> {
  const durationsMs = await deps.fsyncsMs(folder);
  const [p50, p99] = [0.5, 0.99].map((part) => percentile(durationsMs, part).toFixed(1)) as [string, string];
  state.measurements.push({ name: 'fsync', value: `p50 ${p50} ms, p99 ${p99} ms` });
  if (Number(p50) > slowFsyncMs) state.findings.push(finding('local-fsync-slow', { p50, p99 }));
}

/** Finds a clock that is behind: the newest file is then dated in the future. */
async function checkClock(documents: string, deps: LocalDeps, state: LocalState): Promise<void> {
  const files = await readdir(documents);
  const times = await Promise.all(
    files.map(async (file) => {
      // The server may remove files meanwhile. `lstat`, because a link may lead to an unrelated file.
      return lstat(join(documents, file)).then(
        ({ mtimeMs }) => mtimeMs,
        () => 0,
      );
    }),
  );
  const aheadMs = Math.max(0, ...times) - deps.now();
  if (aheadMs > clockToleranceMs) {
    state.findings.push(finding('local-clock', { ahead: `${Math.round(aheadMs / 60_000)} minutes` }));
  }
}

function size(bytes: number): string {
  const gigabytes = bytes / 1024 ** 3;
  return gigabytes >= 10 ? `${Math.round(gigabytes)} GB` : `${Math.round(bytes / 1024 ** 2)} MB`;
}
