import { KeyedBuckets } from './keyed-buckets.ts';
import { limitReached } from './limits.ts';
import type { BucketSize } from './token-bucket.ts';

/** Longer nobody waits for a turn: what a person would wait, and well within what a session may take to become live. */
const maxWaitMs = 4_000;

export interface OpensDeps {
  /** Documents per second of one address. */
  readonly rate: BucketSize;
  /** In milliseconds, from any origin. */
  now(): number;
  wait(delayMs: number): Promise<void>;
}

/** How fast documents are loaded from disk for those who ask, by their address. */
export class LoadRate {
  readonly #deps: OpensDeps;
  readonly #buckets: KeyedBuckets;

  constructor(deps: OpensDeps) {
    this.#deps = deps;
    this.#buckets = new KeyedBuckets(deps.rate);
  }

  /**
   * Resolves when it is the turn of a document for whom limits take for this address; at once if that is null. Rejects with
   * RefusedError if it would take too long.
   */
  async turn(block: string | null): Promise<void> {
    if (block === null) return;
    const nowMs = this.#deps.now();
    const bucket = this.#buckets.of(block, nowMs);
    const waitMs = bucket.reserve(nowMs, maxWaitMs);
    if (waitMs === null) throw limitReached('open-rate-per-address', bucket.waitMs(1, nowMs));
    if (waitMs > 0) await this.#deps.wait(waitMs);
  }
}
