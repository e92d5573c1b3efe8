import { createHash } from 'node:crypto';
import { evictOldest } from '../limits/evict-oldest.ts';

/** Remembers when strings were first seen. Keeps a bounded number of them as hashes; the oldest is evicted first. */
export class FirstSeen {
  readonly #max: number;
  /** In order of insertion. */
  readonly #times = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** When `text` was first seen, in milliseconds; `nowMs` if it is new. */
  firstSeenMs(text: string, nowMs: number): number {
    const key = createHash('sha256').update(text).digest('base64');
    const known = this.#times.get(key);
    if (known !== undefined && known <= nowMs) return known;
    // The text is new, or the clock was set back.
    this.#times.set(key, nowMs);
    evictOldest(this.#times, this.#max);
    return nowMs;
  }
}
