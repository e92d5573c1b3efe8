import { systemClock } from '../clock.ts';
import { atOnce } from '../engine/pacing.ts';
import { MemoryStore } from './memory-store.ts';
import { RecordLog } from '../engine/record-log.ts';
import type { RecordLogDeps, RecordLogOptions } from '../engine/record-log.ts';
import type { RecordStore } from '../engine/record-store.ts';

export type MemoryLogOptions = Pick<RecordLogOptions, 'compaction'>;

export interface MemoryLogDeps extends Pick<RecordLogDeps, 'compact'>, Partial<Omit<RecordLogDeps, 'compact'>> {
  /**
   * The store, kept by the caller: a second log on it finds the records of the first one. For tests, which may also
   * wrap it.
   */
  readonly store?: RecordStore;
}

/** A log that loses everything when the process ends. Otherwise it behaves like LevelLog. */
export class MemoryLog extends RecordLog {
  static open(options: MemoryLogOptions, deps: MemoryLogDeps): MemoryLog {
    const log = new MemoryLog(deps.store ?? new MemoryStore(), options, deps);
    log.start();
    return log;
  }

  private constructor(store: RecordStore, options: MemoryLogOptions, deps: MemoryLogDeps) {
    super(
      store,
      { ...options, commit: 'write' },
      { clock: systemClock, pacing: atOnce, observer: {}, reopen: () => Promise.resolve(store), ...deps },
    );
  }
}
