import { existsSync } from 'node:fs';
import { access, constants, open, readdir, rm, stat, statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LogError } from '../../persistence/errors.ts';
import { openDatabase } from '../../persistence/log/database.ts';
import type { RecordStore } from '../../persistence/log/record-store.ts';
import { verifyDocuments } from '../../persistence/log/verify-documents.ts';
import type { Config } from '../config.ts';
import { openFilesLimit, socketsWithin, webSocketsAmong } from '../open-files.ts';
import type { Measurement } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding, FindingCode } from './finding.ts';
import { percentile } from './percentile.ts';

export interface LocalDeps {
  /** In milliseconds since 1970. */
  now(): number;
  monotonicMs(): number;
  /** Free space for this user on the disk of a folder, in bytes. */
  freeBytes(folder: string): Promise<number>;
  /** Writes and syncs a block in the folder; resolves with how long each of them took, in milliseconds. */
  fsyncsMs(folder: string): Promise<readonly number[]>;
  /** How many files a process of this user may open; null if the system does not say. */
  openFilesLimit(): Promise<number | null>;
  /** How long records of the database may be read, in milliseconds. */
  readonly verifyBudgetMs: number;
}

export interface LocalState {
  readonly findings: Finding[];
  readonly measurements: Measurement[];
  /** Another process has the database open: the server runs. */
  running: boolean;
}

/** A keystroke that waits longer than this is felt by its author's colleagues. */
const slowFsyncMs = 50;
/** Time to act, before documents become read-only. */
const lowFactor = 4;
const clockToleranceMs = 60_000;
/** Damaged documents that are named beside the first. */
const maxNamed = 20;

/** Looks at the machine and the data folder, without changing anything but a file of its own. */
export async function checkMachine(config: Config, deps: LocalDeps): Promise<LocalState> {
  const state: LocalState = { findings: [], measurements: [], running: false };
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
  if (!existsSync(folder)) {
    state.findings.push(finding('local-folder-missing', { folder }));
    return;
  }
  try {
    await access(folder, constants.W_OK | constants.X_OK);
  } catch {
    state.findings.push(finding('local-folder-denied', { folder }));
    return;
  }
  const hasRoom = await checkDisk(folder, config, deps, state);
  const documents = join(folder, 'documents');
  if (existsSync(documents)) {
    await checkClock(documents, deps, state);
    await checkDatabase(documents, deps, state);
  }
  if (hasRoom) await checkFsync(folder, deps, state);
}

async function checkDisk(folder: string, config: Config, deps: LocalDeps, state: LocalState): Promise<boolean> {
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
      // LevelDB removes files while we look.
      return stat(join(documents, file)).then(
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

async function checkDatabase(folder: string, deps: LocalDeps, state: LocalState): Promise<void> {
  try {
    const all = deps.verifyBudgetMs === Infinity ? { maxCheckBytes: Infinity } : {};
    const leftUnchecked = ({ tables }: { readonly tables: number }): void => {
      state.measurements.push({ name: 'tables', value: `${tables} not checked; --deep for all` });
    };
    const store = await openDatabase(folder, { mayCreate: false, leftUnchecked, ...all });
    try {
      state.measurements.push({ name: 'database', value: 'opens; no server uses it' });
      await checkRecords(store, deps, state);
    } finally {
      await store.close();
    }
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    if (error.code === 'LOG_LOCKED') {
      state.running = true;
      state.measurements.push({
        name: 'database',
        value: 'in use by the server; to have its records checked, stop it first',
      });
      return;
    }
    const codes: Partial<Record<LogError['code'], FindingCode>> = {
      LOG_NOT_OURS: 'local-database-foreign',
      LOG_TOO_NEW: 'local-database-newer',
    };
    state.findings.push(finding(codes[error.code] ?? 'local-database-damaged', { reason: error.message }));
  }
}

async function checkRecords(store: RecordStore, deps: LocalDeps, state: LocalState): Promise<void> {
  const endMs = deps.monotonicMs() + deps.verifyBudgetMs;
  const { documents, verified, damaged, unlisted } = await verifyDocuments(store, () => deps.monotonicMs() < endMs);
  const all = verified === documents;
  state.measurements.push({
    name: 'records',
    value: all ? `${verified} documents verified` : `${verified} of ${documents} documents verified; --deep for all`,
  });
  if (unlisted !== null) state.findings.push(finding('local-database-unreadable', { reason: unlisted.message }));
  const [first] = damaged;
  if (first === undefined) return;
  const others = damaged.slice(1, 1 + maxNamed).map(({ docId }) => `'${docId}'`);
  const more = damaged.length > 1 + maxNamed ? ', ...' : '';
  const alike = others.length === 0 ? '' : ` Likewise: ${others.join(', ')}${more}.`;
  state.findings.push(finding('local-document-damaged', { docId: first.docId, reason: first.message, alike }));
}

/** What the machine says. */
export const machine: LocalDeps = {
  // Some 100 MB.
  verifyBudgetMs: 3_000,
  now: Date.now,
  monotonicMs: () => performance.now(),
  async freeBytes(folder) {
    const { bavail, bsize } = await statfs(folder);
    return bavail * bsize;
  },
  async fsyncsMs(folder) {
    const path = join(folder, `.quire-doctor-${process.pid}`);
    const file = await open(path, 'w', 0o600);
    const durationsMs: number[] = [];
    try {
      for (let count = 0; count < 20; count++) {
        const startMs = performance.now();
        await file.write(Buffer.alloc(4096, count));
        await file.datasync();
        durationsMs.push(performance.now() - startMs);
      }
    } finally {
      await file.close();
      await rm(path, { force: true });
    }
    return durationsMs;
  },
  openFilesLimit,
};

function size(bytes: number): string {
  const gigabytes = bytes / 1024 ** 3;
  return gigabytes >= 10 ? `${Math.round(gigabytes)} GB` : `${Math.round(bytes / 1024 ** 2)} MB`;
}
