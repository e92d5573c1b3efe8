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
 * The rates at which one session may send. A message that has arrived is always counted, and a client in debt is read
 * later. Most sessions are idle and need no pace: a new one is the same as one that is rested.
 */
export class Pace {
  readonly #limits: PaceLimits;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  #presence: TokenBucket | null = null;
  /** The last message was more than the rates allow. */
  #isAhead = false;

  constructor(limits: PaceLimits, nowMs: number) {
    this.#limits = limits;
    this.#messages = new TokenBucket(limits.messageRate, nowMs);
    this.#bytes = new TokenBucket(limits.receiveRate, nowMs);
  }

  /** Counts a message. */
  received(bytes: number, nowMs: number): void {
    const isWithinMessages = this.#messages.spend(1, nowMs);
    this.#isAhead = !this.#bytes.spend(bytes, nowMs) || !isWithinMessages;
  }

  /** The rate because of which the client must be read later; null if there is none. */
  receiveLimit(nowMs: number): LimitName | null {
    if (!this.#isAhead) return null;
    if (this.#messages.waitMs(0, nowMs) > 0) return 'message-rate';
    return this.#bytes.waitMs(0, nowMs) > 0 ? 'receive-rate' : null;
  }

  /** Counts a change of presence. Returns whether it may be sent to the other clients at once. */
  showsPresence(nowMs: number): boolean {
    this.#presence ??= new TokenBucket(this.#limits.presenceRate, nowMs);
    return this.#presence.reserve(nowMs, 0) !== null;
  }

  /** No tokens are spent. */
  isRested(nowMs: number): boolean {
    return this.#messages.isFull(nowMs) && this.#bytes.isFull(nowMs) && this.#presence?.isFull(nowMs) !== false;
  }
}
