import { evictOldest } from './evict-oldest.ts';

/**
 * Remembered keys, about 200 bytes each. The least recently used key is evicted, and then starts with a full bucket.
 */
const maxKeys = 10_000;

/** The size and rate of a token bucket. */
export interface BucketSize {
  /** The refill rate, which bounds the use in the long run. */
  readonly perSecond: number;
  /** The capacity, which may be used at once after a quiet period. */
  readonly burst: number;
}

/**
 * A token bucket. Has no clock and no timer: the caller passes the time, in milliseconds from any origin; a coarse
 * clock is enough. While a clock that was set back catches up, no tokens are added.
 */
export class TokenBucket {
  readonly #size: BucketSize;
  #tokens: number;
  #filledMs: number;

  /** Starts full. */
  constructor(size: BucketSize, nowMs: number) {
    this.#size = size;
    this.#tokens = size.burst;
    this.#filledMs = nowMs;
  }

  /**
   * Takes this many tokens even if there are fewer. Returns whether there were enough; a shortage becomes a debt to
   * refill first.
   */
  spend(count: number, nowMs: number): boolean {
    if (nowMs !== this.#filledMs) this.#fill(nowMs);
    this.#tokens -= count;
    return this.#tokens >= 0;
  }

  /**
   * How long until this many tokens are available, in milliseconds; 0 if they are. Callers never ask for more than the
   * capacity.
   */
  waitMs(count: number, nowMs: number): number {
    this.#fill(nowMs);
    const missing = Math.min(count, this.#size.burst) - this.#tokens;
    return missing <= 0 ? 0 : (missing / this.#size.perSecond) * 1_000;
  }

  isFull(nowMs: number): boolean {
    return this.waitMs(this.#size.burst, nowMs) === 0;
  }

  /**
   * Takes one token, in advance if there is none. Returns how long to wait for it, in milliseconds. Returns null and
   * takes none if that is longer than `maxWaitMs`.
   */
  reserve(nowMs: number, maxWaitMs: number): number | null {
    const waitMs = this.waitMs(1, nowMs);
    if (waitMs > maxWaitMs) return null;
    this.#tokens--;
    return waitMs;
  }

  #fill(nowMs: number): void {
    const elapsedMs = nowMs - this.#filledMs;
    this.#filledMs = nowMs;
    if (elapsedMs <= 0) return;
    this.#tokens = Math.min(this.#size.burst, this.#tokens + (elapsedMs / 1_000) * this.#size.perSecond);
  }
}

/** A token bucket of the same size for each of many keys, such as addresses. */
export class KeyedBuckets {
  readonly #size: BucketSize;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(size: BucketSize) {
    this.#size = size;
  }

  /** The bucket of a key, which becomes the most recently used. */
  of(key: string, nowMs: number): TokenBucket {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#size, nowMs);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    evictOldest(this.#buckets, maxKeys);
    return bucket;
  }
}
