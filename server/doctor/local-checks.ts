import { access, constants, lstat, readdir, stat, statfs } from 'node:fs/promises';
import { fdatasync, write } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { faultOf } from '../../persistence/level/file-errors.ts';
import { probeLocks } from '../../persistence/level/lock-probe.ts';
import { StorageFault } from '../../persistence/level/storage-faults.ts';
import type { Config } from '../config/config.ts';
import { openFilesLimit, socketsWithin, webSocketsAmong } from '../limits/open-files.ts';
import type { Measurement } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import { checkDatabase } from './local-database.ts';
import { checkFiles } from './local-files.ts';
import { withOwnFile, withOwnFolder } from './own-files.ts';
import { percentile } from './percentile.ts';
import { findingOf, findingOfAny } from './storage-findings.ts';

export interface LocalDeps {
  /** In milliseconds since 1970. */
  now(): number;
  monotonicMs(): number;
  /** Free space for this user on the disk of a folder, in bytes. */
  freeBytes(folder: string): Promise<number>;
  /** How many more files its file system can have; null if that is not limited. */
  freeInodes(folder: string): Promise<number | null>;
  /** Writes and syncs a block in the folder; resolves with how long each of them took, in milliseconds. */
  fsyncsMs(folder: string): Promise<readonly number[]>;
  /**
   * Locks a file of its own in the folder. Skipped for file systems that are known to lock files, unless locks have failed
   * elsewhere. Rejects with LogError.
   */
  probeLocks(folder: string, haveFailed: boolean): Promise<void>;
  /** How many files a process of this user may open; null if the system does not say. */
  openFilesLimit(): Promise<number | null>;
  /** How long records of the database may be read, in milliseconds. */
  readonly verifyBudgetMs: number;
  /** Where the image of the database is made: in the first of these folders that takes it. */
  readonly scratchParents: readonly [string, ...string[]];
}

export interface LocalState {
  readonly findings: Finding[];
  readonly measurements: Measurement[];
}

/** A keystroke that waits longer than this is felt by its author's colleagues. */
const slowFsyncMs = 50;
/** Time to act, before documents become read-only. */
const lowFactor = 4;
const clockToleranceMs = 60_000;
/** Types of file systems of local disks, all of which lock files: ext, XFS, Btrfs, ZFS, F2FS, tmpfs, overlayfs. */
const localTypes = [0xef53, 0x58465342, 0x9123683e, 0x2fc12fc1, 0xf2f52010, 0x01021994, 0x794c7630];

/**
 * Examines the machine and the data folder. Writes only files of its own and removes them. The content of the data folder
 * does not change, for any user that runs the doctor, also while a server runs. A fault of the machine becomes a finding;
 * the promise does not reject for it.
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
  // A folder that may only be read can be looked at all the same.
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

/** Turns an error of the file system into a finding: a check that fails does not keep the others from being made. */
async function step(path: string, state: LocalState, check: () => Promise<void>): Promise<void> {
  try {
    await check();
  } catch (error) {
    addNew(state, [await findingOfAny(path, error)]);
  }
}

/** One cause may be met by several checks. */
function addNew({ findings }: LocalState, found: readonly Finding[]): void {
  for (const one of found) {
    if (!findings.some(({ code, sentence }) => code === one.code && sentence === one.sentence)) findings.push(one);
  }
}

/** Why a server of this user could not use the data folder. */
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

/** What was written last was written before now. */
async function checkClock(documents: string, deps: LocalDeps, state: LocalState): Promise<void> {
  const files = await readdir(documents);
  const times = await Promise.all(
    files.map(async (file) => {
      // The server removes files meanwhile, and a link may lead to a file of something else.
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

/** What the machine says. */
export const machine: LocalDeps = {
  // Some 100 MB.
  verifyBudgetMs: 3_000,
  // A container whose files are read-only has the second.
  scratchParents: [tmpdir(), '/dev/shm'],
  now: Date.now,
  monotonicMs: () => performance.now(),
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  async freeInodes(folder) {
    const { files, ffree } = await statfs(folder);
    // Some file systems make inodes as they need them.
    return files === 0 ? null : ffree;
  },
  fsyncsMs: (folder) =>
    withOwnFile(folder, async (descriptor) => {
      const durationsMs: number[] = [];
      for (let count = 0; count < 20; count++) {
        const startMs = performance.now();
        await writeBlock(descriptor, Buffer.alloc(4096, count));
        await syncData(descriptor);
        durationsMs.push(performance.now() - startMs);
      }
      return durationsMs;
    }),
  async probeLocks(folder, haveFailed) {
    if (!haveFailed && localTypes.includes((await statfs(folder)).type)) return;
    await withOwnFolder([folder], (own) => probeLocks(own, folder));
  },
  openFilesLimit,
};

const writeBlock = promisify(write) as (descriptor: number, block: Buffer) => Promise<unknown>;
const syncData = promisify(fdatasync);

function size(bytes: number): string {
  const gigabytes = bytes / 1024 ** 3;
  return gigabytes >= 10 ? `${Math.round(gigabytes)} GB` : `${Math.round(bytes / 1024 ** 2)} MB`;
}
