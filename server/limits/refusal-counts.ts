import { evictOldest } from './evict-oldest.ts';

/** The first refusal is not delayed, the second by this time, and each further one by twice the time before. */
const firstDelayMs = 250;
/** Well below the time in which a session must become live (10 s by default). */
const maxDelayMs = 4_000;
/** The count of a key that has not been refused for this long starts again at zero. */
const forgetMs = 60_000;
/** Remembered keys, about 200 bytes each. The least recently refused is evicted first. */
const maxRemembered = 10_000;

interface Refusals {
  count: number;
  readonly lastMs: number;
  /** The number of the latest attempt at the time of the refusal. */
  readonly latest: number;
}

/** Counts recent refusals by key, and computes how long to delay the next one. Bounded. */
export class RefusalCounts {
  readonly #refusals = new Map<string, Refusals>();

  get size(): number {
    return this.#refusals.size;
  }

  /** Counts one refusal, and returns how long to delay it, in milliseconds. */
  refused(key: string, nowMs: number): number {
    return this.refusedAttempt(key, nowMs, 1, 0);
  }

  /**
   * Like `refused`, for attempts that are numbered in order of their start. An attempt that had begun before the last
   * counted refusal is not counted again, so a failure for many clients at once counts once. `latest` is the number of
   * the attempt that began last.
   */
  refusedAttempt(key: string, nowMs: number, number: number, latest: number): number {
    const known = this.#known(key, nowMs);
    if (known !== null && number <= known.latest) return delayMs(known.count);
    const count = (known?.count ?? 0) + 1;
    // Moves to the end, so that the first entry is the least recently refused.
    this.#refusals.delete(key);
    this.#refusals.set(key, { count, lastMs: nowMs, latest });
    evictOldest(this.#refusals, maxRemembered);
    return delayMs(count);
  }

  /** How long the next refusal would be delayed, in milliseconds. */
  owedMs(key: string, nowMs: number): number {
    return delayMs((this.#known(key, nowMs)?.count ?? 0) + 1);
  }

  /** Halves the count of a key. */
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
    // A time in the future comes from a clock that was ahead, and would delay the key until then.
    return agoMs >= 0 && agoMs < forgetMs ? known : null;
  }
}

function delayMs(count: number): number {
  return count <= 1 ? 0 : Math.min(firstDelayMs * 2 ** (count - 2), maxDelayMs);
}
