import type { LimitName } from '../../limits/limits.ts';
import { TokenBucket } from '../../limits/token-bucket.ts';
import type { BucketSize } from '../../limits/token-bucket.ts';

export interface PaceLimits {
  readonly messageRate: BucketSize;
  /** In bytes. */
  readonly receiveRate: BucketSize;
  readonly presenceRate: BucketSize;
}

/**
 * How much one session may send in a time. Whatever has come is counted; who is in debt waits. Of thousands of
 * sessions most are idle and need none of it: a rested pace is as good as a new one.
 */
export class Pace {
  readonly #limits: PaceLimits;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  #presence: TokenBucket | null = null;

  constructor(limits: PaceLimits, nowMs: number) {
    this.#limits = limits;
    this.#messages = new TokenBucket(limits.messageRate, nowMs);
    this.#bytes = new TokenBucket(limits.receiveRate, nowMs);
  }

  /** Counts a message. Returns whether the client may go on: if not, `receiveLimit` says why. */
  received(bytes: number, nowMs: number): boolean {
    const mayGoOn = this.#messages.spend(1, nowMs);
    return this.#bytes.spend(bytes, nowMs) && mayGoOn;
  }

  /** What of the client must be read later, because it has sent too much; null if nothing. */
  receiveLimit(nowMs: number): LimitName | null {
    if (this.#messages.waitMs(0, nowMs) > 0) return 'message-rate';
    return this.#bytes.waitMs(0, nowMs) > 0 ? 'receive-rate' : null;
  }

  /** Counts a change of presence; false if it is one too many to be shown at once. */
  showsPresence(nowMs: number): boolean {
    this.#presence ??= new TokenBucket(this.#limits.presenceRate, nowMs);
    return this.#presence.reserve(nowMs, 0) !== null;
  }

  /** Nothing is spent. */
  isRested(nowMs: number): boolean {
    return this.#messages.isFull(nowMs) && this.#bytes.isFull(nowMs) && this.#presence?.isFull(nowMs) !== false;
  }
}
