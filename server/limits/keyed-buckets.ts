import { TokenBucket } from './token-bucket.ts';
import type { BucketSize } from './token-bucket.ts';

/** Keys that are remembered, at some 200 bytes each; the one that was heard of longest ago goes first, and begins anew. */
const maxKeys = 10_000;

/** A token bucket of the same size for each of many: addresses. */
export class KeyedBuckets {
  readonly #size: BucketSize;
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(size: BucketSize) {
    this.#size = size;
  }

  /** The bucket of a key, which counts as heard of now. */
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
