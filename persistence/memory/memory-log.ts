import { systemClock } from '../clock.ts';
import { atOnce } from '../engine/pacing.ts';
import { MemoryStore } from './memory-store.ts';
import { RecordLog, type RecordLogDeps, type RecordLogOptions } from '../engine/record-log.ts';
import type { RecordStore } from '../engine/record-store.ts';

export type MemoryLogOptions = Pick<RecordLogOptions, 'compaction'>;

export interface MemoryLogDeps extends Pick<RecordLogDeps, 'compact'>, Partial<Omit<RecordLogDeps, 'compact'>> {
  /** Kept by the caller: a second log on it finds what the first one has stored. For tests, which may also wrap it. */
  readonly store?: RecordStore;
}

/** A log that forgets everything when the process ends; in all else it behaves as LevelLog does. */
export class MemoryLog extends RecordLog {
  constructor(options: MemoryLogOptions, deps: MemoryLogDeps) {
    const store = deps.store ?? new MemoryStore();
    super(
      store,
      { ...options, commit: 'write' },
      { clock: systemClock, pacing: atOnce, observer: {}, reopen: () => Promise.resolve(store), ...deps },
    );
  }
}
