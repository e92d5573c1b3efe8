import { limitReached } from '../../errors.ts';
import { KeyedBuckets } from '../../limits/token-bucket.ts';
import type { BucketSize } from '../../limits/token-bucket.ts';

/**
 * The longest wait for a turn: as long as a person would wait, and well below the time in which a session must become
 * live.
 */
const maxWaitMs = 4_000;

export interface LoadRateDeps {
  /** Documents per second of one address. */
  readonly rate: BucketSize;
  /** In milliseconds, from any origin. */
  now(): number;
  wait(delayMs: number): Promise<void>;
}

/** Limits how many documents per second are loaded from disk for the clients of one address. */
export class LoadRate {
  readonly #deps: LoadRateDeps;
  readonly #buckets: KeyedBuckets;

  constructor(deps: LoadRateDeps) {
    this.#deps = deps;
    this.#buckets = new KeyedBuckets(deps.rate);
  }

  /**
   * Resolves when a document may be loaded for this address. Resolves at once if it is null, which stands for an
   * address without limits. Rejects with RefusedError if the wait would be too long.
   */
  async turn(addressKey: string | null): Promise<void> {
    if (addressKey === null) return;
    const nowMs = this.#deps.now();
    const bucket = this.#buckets.of(addressKey, nowMs);
    const waitMs = bucket.reserve(nowMs, maxWaitMs);
    if (waitMs === null) throw limitReached('open-rate-per-address', { retryAfterMs: bucket.waitMs(1, nowMs) });
    if (waitMs > 0) await this.#deps.wait(waitMs);
  }
}
