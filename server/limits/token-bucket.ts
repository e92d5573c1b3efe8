/** How much of something there may be. */
export interface BucketSize {
  /** What flows in, and so what may be had in the long run. */
  readonly perSecond: number;
  /** What may be had at once after a quiet time. */
  readonly burst: number;
}

/**
 * Tokens that flow in at a steady rate, up to a bound. Has no clock and no timer: whoever asks brings the time, in milliseconds
 * from any origin, and coarse time does. A clock that goes back only stops the flow for as long.
 */
export class TokenBucket {
  readonly #size: BucketSize;
  #tokens: number;
  #filledMs: number;

  /** Full. */
  constructor(size: BucketSize, nowMs: number) {
    this.#size = size;
    this.#tokens = size.burst;
    this.#filledMs = nowMs;
  }

  /** Takes this many whether or not they are there. Returns whether they were: what is missing is a debt that must flow in first. */
  spend(count: number, nowMs: number): boolean {
    if (nowMs !== this.#filledMs) this.#fill(nowMs);
    this.#tokens -= count;
    return this.#tokens >= 0;
  }

  /** How long until this many are there, in milliseconds; 0 if they are. More than the bucket holds is never asked of it. */
  waitMs(count: number, nowMs: number): number {
    this.#fill(nowMs);
    const missing = Math.min(count, this.#size.burst) - this.#tokens;
    return missing <= 0 ? 0 : (missing / this.#size.perSecond) * 1_000;
  }

  isFull(nowMs: number): boolean {
    return this.waitMs(this.#size.burst, nowMs) === 0;
  }

  /**
   * Takes one token, in advance if there is none. Returns how long to wait for it, in milliseconds; null, and takes none, if
   * that is longer than `maxWaitMs`.
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
