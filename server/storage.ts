import { join, resolve } from 'node:path';
import { YjsWorker } from '../persistence/compaction/yjs-worker.ts';
import type { LevelLog } from '../persistence/level/level-log.ts';
import type { LogObserver } from '../persistence/engine/log-observer.ts';
import { MemoryLog } from '../persistence/memory/memory-log.ts';
import type { LogState, UpdateLog } from '../persistence/update-log.ts';
import type { Config } from './config/config.ts';
import { withDeadline } from './limits/after.ts';
import type { Logger } from './logger.ts';
import type { StorageStats } from './metrics/storage-stats.ts';
import type { Offload } from './sync/offload.ts';

export interface StorageDeps {
  readonly logger: Logger;
  readonly stats: StorageStats;
}

/** The log of documents, and the threads that work on them. */
export interface Storage {
  readonly log: UpdateLog;
  /** Work that clients wait for. Not the compaction thread, because no client should wait behind a compaction. */
  readonly offload: Offload;
  /** Folds tails for a bounded time, commits the updates in flight and ends the threads. */
  close(): Promise<void>;
}

const compactionPolicy = {
  /**
   * About 2,000 keystrokes, which load in 5 to 50 ms. Folding them costs 150 ms of CPU if the thread must be started.
   */
  minTailBytes: 256 * 1024,
  /**
   * At 0.5 folding costs 26 us per edit, at 2 it costs 11 us. A tail of that size still loads faster than its snapshot.
   */
  tailToSnapshotRatio: 2,
  /**
   * Reading and checking a keystroke of 20 bytes takes as long as 100 further bytes of a merged update (measured: 3
   * us).
   */
  entryCostBytes: 100,
};

/**
 * How long a restart may be delayed to fold the documents edited last, so that they open quickly after it. Folding
 * takes about 0.1 s per document and 0.3 s for the thread. The other documents open from their tails.
 */
const foldBudgetMs = 1_500;

/** Opens the configured log. Rejects with LogError, whose message is meant for the operator. */
export async function openStorage(config: Config, { logger, stats }: StorageDeps): Promise<Storage> {
  const compactor = new YjsWorker();
  const offload = new YjsWorker();
  const deps = { compact: compactor.compact, observer: observe(logger, stats) };
  const { keepDeleted } = config;
  const compaction = keepDeleted === null ? compactionPolicy : { ...compactionPolicy, keepsDeleted: keepDeleted };
  const log: UpdateLog = config.ephemeral
    ? MemoryLog.open({ compaction }, deps)
    : await (
        await levelLog()
      ).open(
        {
          // In a folder of its own beside the certificate, so that the database can tell whether the folder is its own.
          folder: join(resolve(config.dataDir), 'documents'),
          commit: config.commit,
          diskReserveBytes: config.diskReserveBytes,
          acceptDamagedLog: config.acceptDamagedLog,
          compaction,
        },
        deps,
      );
  const report = (state: LogState): void => {
    if (state === 'open' || state === 'closed') logger.info({ state }, 'storage state');
    else logger.error({ state }, 'storage state');
  };
  // The disk may be low from the start.
  if (log.state !== 'open') report(log.state);
  log.onState(report);
  return {
    log,
    offload,
    async close() {
      await withDeadline(Math.min(foldBudgetMs, config.shutdownTimeoutMs / 4), log.settled(), () => {});
      // Close the log first. It drops a running compaction, and does not treat the end of its thread as a failure.
      await log.close();
      await Promise.all([compactor.close(), offload.close()]);
    },
  };
}

/** Loads LevelDB on demand. A server that keeps documents in memory does not need it. */
async function levelLog(): Promise<typeof LevelLog> {
  return (await import('../persistence/level/level-log.ts')).LevelLog;
}

/** Counts and logs the events of the log. Commits are only counted. */
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
