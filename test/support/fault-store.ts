import type { RecordBatch, RecordStore } from '../../persistence/engine/record-store.ts';
import { Signal } from './signal.ts';

/** What one batch was asked to do. */
export interface WrittenBatch {
  readonly puts: number;
  readonly dels: number;
  readonly sync: boolean;
}

/** Holds, counts and fails the batches of every store that it wraps, as a disk does. */
export class FaultStore {
  readonly batches: WrittenBatch[] = [];
  inFlight = 0;
  mostInFlight = 0;
  finishedBatches = 0;
  readonly #changed = new Signal();
  #failure: Error | null = null;
  #failFrom = 0;
  #held: (() => void)[] | null = null;

  /** Every batch that has not ended yet fails, be it after so many more, and so does opening, until `heal`. */
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

  /** Lets the batches go that wait now, and holds those that follow. */
  step(): void {
    this.release();
    this.hold();
  }

  /** Resolves when so many batches have been started altogether. */
  started(count: number): Promise<void> {
    return this.#changed.until(() => this.batches.length >= count);
  }

  /** Resolves when so many batches have ended altogether. */
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
        // As LevelDB after ENOSPC: the next writes are accepted and lost.
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
      scanValuesBackwards: (range) => store.scanValuesBackwards(range),
      scanKeys: (range) => store.scanKeys(range),
      reclaim: (range) => store.reclaim(range),
      close: () => store.close(),
    };
  }
}
