import { statfs } from 'node:fs/promises';
import type { LogError } from '../errors.ts';
import { systemClock } from '../clock.ts';
import type { Clock } from '../clock.ts';
import { openDatabase } from './database.ts';
import { DiskReserve } from './disk-reserve.ts';
import { adaptivePacing } from '../engine/pacing.ts';
import type { LogObserver } from '../engine/log-observer.ts';
import { RecordLog } from '../engine/record-log.ts';
import type { RecordLogDeps, RecordLogOptions } from '../engine/record-log.ts';
import type { RecordStore } from '../engine/record-store.ts';
import type { TablesCheck } from './recovery/table-check.ts';

export interface LevelLogOptions extends RecordLogOptions {
  /** The folder, which holds only the database. Created if it is missing. */
  readonly folder: string;
  /** Free disk space in bytes below which the log is read-only; 0 for no reserve. */
  readonly diskReserveBytes: number;
  /**
   * Opens a database whose write-ahead log is damaged or that has a table that is unusable as a whole, and keeps a copy
   * of the damaged files. Without this option such a database is refused. Does not apply when the log reopens after a
   * failed write.
   */
  readonly acceptDamagedLog?: boolean;
  /** Bytes of tables that are checked before LevelDB opens them. If the operator accepts damage, all are checked. */
  readonly maxCheckBytes?: number;
}

export interface LevelLogDeps
  extends Pick<RecordLogDeps, 'compact'>, Partial<Omit<RecordLogDeps, 'compact' | 'reopen'>> {
  /** Free space on the disk of the folder, in bytes. By default read from the file system. */
  readonly freeBytes?: () => Promise<number>;
  /** Wraps every store that is opened, the first one and those after a failure. A seam for tests. */
  readonly wrapStore?: (store: RecordStore) => RecordStore;
}

const diskCheckIntervalMs = 1000;

/** An UpdateLog in LevelDB. */
export class LevelLog extends RecordLog {
  readonly #reserve: DiskReserve;

  /**
   * Opens the database, or creates it on a verified first start. Rejects with LogError LOG_LOCKED, LOG_TOO_NEW,
   * LOG_NOT_WRITABLE, LOG_NOT_OURS, LOG_DAMAGED or LOG_UNREADABLE; the messages say what to do.
   */
  static async open(options: LevelLogOptions, deps: LevelLogDeps): Promise<LevelLog> {
    const tableOptions = tableOptionsOf(options, deps.observer ?? {});
    const { containDamage } = tableOptions;
    const store = await openDatabase(options.folder, {
      ...tableOptions,
      mayCreate: true,
      ...(options.acceptDamagedLog === true ? { acceptDamage: containDamage } : {}),
    });
    const log = new LevelLog(store, options, deps);
    log.start();
    await log.#reserve.start();
    return log;
  }

  private constructor(first: RecordStore, options: LevelLogOptions, deps: LevelLogDeps) {
    const { folder, diskReserveBytes } = options;
    const wrap = deps.wrapStore ?? ((store: RecordStore) => store);
    const clock: Clock = deps.clock ?? systemClock;
    const observer: LogObserver = deps.observer ?? {};
    // LevelDB itself found a damaged block, perhaps in an unchecked table. All tables are checked from then on.
    let metDamage = false;
    super(wrap(first), options, {
      compact: deps.compact,
      clock,
      pacing: deps.pacing ?? adaptivePacing(),
      observer,
      reopen: async (cause) => {
        metDamage ||= isCorruption(cause);
        const bound = metDamage ? { maxCheckBytes: Infinity } : {};
        const tableOptions = { ...tableOptionsOf(options, observer), ...bound };
        return wrap(await openDatabase(folder, { ...tableOptions, mayCreate: false }));
      },
    });
    this.#reserve = new DiskReserve(
      { reserveBytes: diskReserveBytes, checkIntervalMs: diskCheckIntervalMs },
      {
        clock,
        freeBytes: deps.freeBytes ?? (() => freeBytesOf(folder)),
        changed: (low) => this.setDiskLow(low),
        failed: (error) => observer.failed?.({ during: 'free-space', error }),
      },
    );
  }

  override close(): Promise<void> {
    this.#reserve.stop();
    return super.close();
  }
}

function tableOptionsOf({ maxCheckBytes }: LevelLogOptions, observer: LogObserver) {
  return {
    containDamage: (error: LogError) => observer.failed?.({ during: 'recovery', error }),
    leftUnchecked: (unchecked: TablesCheck['unchecked']) => observer.leftUnchecked?.(unchecked),
    ...(maxCheckBytes === undefined ? {} : { maxCheckBytes }),
  };
}

function isCorruption(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'LEVEL_CORRUPTION';
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}
