import { join, resolve } from 'node:path';
import { YjsWorker } from '../persistence/compaction/yjs-worker.ts';
import type { LevelLog } from '../persistence/level/level-log.ts';
import type { LogObserver } from '../persistence/engine/log-observer.ts';
import { MemoryLog } from '../persistence/memory/memory-log.ts';
import type { UpdateLog } from '../persistence/update-log.ts';
import type { Config } from './config/config.ts';
import type { Logger } from './logger.ts';
import type { StorageStats } from './metrics/storage-stats.ts';
import type { Offload } from './sync/offload.ts';

export interface StorageDeps {
  readonly logger: Logger;
  readonly stats: StorageStats;
}

/** Where documents are kept, and the threads that work on them. */
export interface Storage {
  readonly log: UpdateLog;
  /** Work that somebody waits for. Not the thread that compacts: nobody should wait behind that. */
  readonly offload: Offload;
  /** Folds what it can in a moment, commits what is in flight and ends the threads. */
  close(): Promise<void>;
}

const compactionPolicy = {
  /** Some 2,000 keystrokes, which are loaded in 5 to 50 ms. Folding them costs 150 ms of CPU if the thread must be started. */
  minTailBytes: 256 * 1024,
  /** At 0.5 folding costs 26 us an edit, at 2 it costs 11; a tail of that size still loads faster than its snapshot. */
  tailToSnapshotRatio: 2,
  /** A keystroke of 20 bytes takes as long to read, check and learn as 100 bytes more of a merged update (measured: 3 us). */
  entryCostBytes: 100,
};

/**
 * How long a restart may be delayed so that documents open quickly after it: what was edited last is folded meanwhile, at
 * some 0.1 s a document and 0.3 s for the thread. What is left opens from its tail.
 */
const foldBudgetMs = 1_500;

/** Opens the log that the configuration asks for. Rejects with LogError; its message is for people. */
export async function openStorage(config: Config, { logger, stats }: StorageDeps): Promise<Storage> {
  const compactor = new YjsWorker();
  const offload = new YjsWorker();
  const deps = { compact: compactor.compact, observer: observe(logger, stats) };
  const { keepDeleted } = config;
  const compaction = keepDeleted === null ? compactionPolicy : { ...compactionPolicy, keepsDeleted: keepDeleted };
  const log: UpdateLog = config.ephemeral
    ? new MemoryLog({ compaction }, deps)
    : await (
        await levelLog()
      ).open(
        {
          // Beside the certificate, and alone in its folder, so that it can tell whether the folder is its own.
          folder: join(resolve(config.dataDir), 'documents'),
          commit: config.commit,
          diskReserveBytes: config.diskReserveBytes,
          acceptDamagedLog: config.acceptDamagedLog,
          compaction,
        },
        deps,
      );
  log.onState((state) => {
    if (state === 'open' || state === 'closed') logger.info({ state }, 'storage state');
    else logger.error({ state }, 'storage state');
  });
  return {
    log,
    offload,
    async close() {
      await atMost(Math.min(foldBudgetMs, config.shutdownTimeoutMs / 4), log.settled());
      // The log first: it drops a compaction that runs, and does not take the end of its thread for a failure.
      await log.close();
      await Promise.all([compactor.close(), offload.close()]);
    },
  };
}

/** Loads LevelDB, which a server that keeps documents in memory does not need. */
async function levelLog(): Promise<typeof LevelLog> {
  return (await import('../persistence/level/level-log.ts')).LevelLog;
}

/** Counts and logs what the log reports; a commit is only counted. */
function observe(logger: Logger, stats: StorageStats): LogObserver {
  return {
    committed({ entries, bytes, durationMs }) {
      stats.commits++;
      stats.entriesCommitted += entries;
      stats.bytesCommitted += bytes;
      stats.commitSeconds += durationMs / 1000;
    },
    compacted(compacted) {
      stats.compactions++;
      const setAside = compacted.setAside.length + Number(compacted.waitingSetAside);
      stats.entriesSetAside += setAside;
      if (setAside > 0) logger.error(compacted, 'entries set aside');
      else logger.debug(compacted, 'document compacted');
    },
    compactionFailed({ docId, tailBytes, error }) {
      stats.compactionsFailed++;
      logger.error({ docId, tailBytes, err: error }, 'compaction failed');
    },
    leftUnchecked({ tables, bytes }) {
      logger.info({ tables, bytes }, 'tables not checked at this start; quire doctor --deep checks all');
    },
    failed({ during, error }) {
      stats.failures++;
      logger.error({ during, err: error }, 'storage failed');
    },
  };
}

/** Resolves like `done`, or when this much time has passed. */
async function atMost(budgetMs: number, done: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, budgetMs);
  });
  await Promise.race([done, late]);
  clearTimeout(timer);
}
