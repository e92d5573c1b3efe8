import type { RecordBatch, RecordStore } from '../../persistence/engine/record-store.ts';
import { Signal } from './signal.ts';

/** The contents of one batch. */
export interface WrittenBatch {
  readonly puts: number;
  readonly dels: number;
  readonly sync: boolean;
}

/** Holds, counts and fails the batches of every store that it wraps, like a faulty disk. */
export class FaultStore {
  readonly batches: WrittenBatch[] = [];
  inFlight = 0;
  mostInFlight = 0;
  finishedBatches = 0;
  readonly #changed = new Signal();
  #failure: Error | null = null;
  #failFrom = 0;
  #held: (() => void)[] | null = null;

  /** Until `heal`, every batch that has not ended fails, optionally after some more batches, and so does opening. */
  fail(error: Error, afterBatches = 0): void {
    this.#failure = error;
    this.#failFrom = this.finishedBatches + afterBatches;
  }

  heal(): void {
    this.#failure = null;
  }

  /** Batches that are written from now on wait for `release`. */
  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const go of held) go();
  }

  /** Ends the batches that wait now, and holds later ones. */
  step(): void {
    this.release();
    this.hold();
  }

  /** Resolves when this many batches have been started since the beginning. */
  started(count: number): Promise<void> {
    return this.#changed.until(() => this.batches.length >= count);
  }

  /** Resolves when this many batches have ended since the beginning. */
  finished(count: number): Promise<void> {
    return this.#changed.until(() => this.finishedBatches >= count);
  }

  wrap(store: RecordStore): RecordStore {
    let poisoned = false;
    const write = async (batch: RecordBatch, written: WrittenBatch): Promise<void> => {
      const number = this.batches.length;
      this.batches.push(written);
      this.inFlight += 1;
      this.mostInFlight = Math.max(this.mostInFlight, this.inFlight);
      this.#changed.notify();
      try {
        if (this.#held !== null) await new Promise<void>((go) => this.#held?.push(go));
        // Like LevelDB after ENOSPC: later writes are accepted and lost.
        if (poisoned) return;
        if (this.#failure !== null && number >= this.#failFrom) {
          poisoned = true;
          throw this.#failure;
        }
        await batch.write({ sync: written.sync });
      } finally {
        this.inFlight -= 1;
        this.finishedBatches += 1;
        this.#changed.notify();
      }
    };
    return {
      batch: () => {
        const batch = store.batch();
        let puts = 0;
        let dels = 0;
        return {
          put: (key, value) => {
            puts += 1;
            batch.put(key, value);
          },
          del: (key) => {
            dels += 1;
            batch.del(key);
          },
          write: ({ sync }) => write(batch, { puts, dels, sync }),
        };
      },
      getMany: (keys) => store.getMany(keys),
      scanValues: (range) => store.scanValues(range),
      scanValuesBackwards: (range) => store.scanValuesBackwards(range),
      scanKeys: (range) => store.scanKeys(range),
      reclaim: (range) => store.reclaim(range),
      close: () => store.close(),
    };
  }
}
