import { TokenBucket } from './token-bucket.ts';
import type { BucketSize } from './token-bucket.ts';

/**
 * Remembered keys, about 200 bytes each. The least recently used key is evicted, and then starts with a full bucket.
 */
const maxKeys = 10_000;

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
    if (this.#buckets.size > maxKeys) {
      const oldest = this.#buckets.keys().next();
      if (oldest.done !== true) this.#buckets.delete(oldest.value);
    }
    return bucket;
  }
}
