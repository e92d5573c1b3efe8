/** A first refusal is not held back, the second for this long, and each one after it for twice as long. */
const firstDelayMs = 250;
/** Well within what a session may take to become live (10 s by default). */
const maxDelayMs = 4_000;
/** A key that has not been refused for this long starts again from the beginning. */
const forgetMs = 60_000;
/** Keys that are remembered; those refused longest ago go first. About 200 bytes each. */
const maxRemembered = 10_000;

interface Refusals {
  count: number;
  readonly lastMs: number;
  /** The number of the latest attempt at that moment. */
  readonly latest: number;
}

/** How often something was refused lately, by key, and how long the next refusal is held back for it. Bounded. */
export class RefusalCounts {
  readonly #refusals = new Map<string, Refusals>();

  get size(): number {
    return this.#refusals.size;
  }

  /** Counts one refusal, and returns how long to hold it back, in milliseconds. */
  refused(key: string, nowMs: number): number {
    return this.refusedAttempt(key, nowMs, 1, 0);
  }

  /**
   * As `refused`, for attempts with numbers in the order in which they began. Those that had begun before the refusal that was
   * counted last do not repeat it: when something fails for many clients at once, that counts once. `latest` is the number of
   * the attempt that has begun last.
   */
  refusedAttempt(key: string, nowMs: number, number: number, latest: number): number {
    const known = this.#known(key, nowMs);
    if (known !== null && number <= known.latest) return delayMs(known.count);
    const count = (known?.count ?? 0) + 1;
    // Moves to the end: the first is the one that was refused longest ago.
    this.#refusals.delete(key);
    this.#refusals.set(key, { count, lastMs: nowMs, latest });
    if (this.#refusals.size > maxRemembered) {
      const oldest = this.#refusals.keys().next();
      if (oldest.done !== true) this.#refusals.delete(oldest.value);
    }
    return delayMs(count);
  }

  /** How long the next refusal would be held back, in milliseconds. */
  owedMs(key: string, nowMs: number): number {
    return delayMs((this.#known(key, nowMs)?.count ?? 0) + 1);
  }

  /** Forgets half of the refusals of a key. */
  halve(key: string): void {
    const known = this.#refusals.get(key);
    if (known === undefined) return;
    known.count = Math.floor(known.count / 2);
    if (known.count === 0) this.#refusals.delete(key);
  }

  forget(key: string): void {
    this.#refusals.delete(key);
  }

  #known(key: string, nowMs: number): Refusals | null {
    const known = this.#refusals.get(key);
    if (known === undefined) return null;
    const agoMs = nowMs - known.lastMs;
    // A time in the future is from a clock that was ahead, and would hold the key back until then.
    return agoMs >= 0 && agoMs < forgetMs ? known : null;
  }
}

function delayMs(count: number): number {
  return count <= 1 ? 0 : Math.min(firstDelayMs * 2 ** (count - 2), maxDelayMs);
}
