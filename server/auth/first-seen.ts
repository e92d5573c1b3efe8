import { createHash } from 'node:crypto';

/** When texts were first seen. Remembers a bounded number of them, as hashes; the oldest is forgotten first. */
export class FirstSeen {
  readonly #max: number;
  /** In the order in which they were first seen. */
  readonly #times = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** When this text was first seen, in milliseconds; `nowMs` if that is now. */
  firstSeenMs(text: string, nowMs: number): number {
    const key = createHash('sha256').update(text).digest('base64');
    const known = this.#times.get(key);
    if (known !== undefined && known <= nowMs) return known;
    // The clock was set back, or the text is new.
    this.#times.set(key, nowMs);
    if (this.#times.size > this.#max) {
      const oldest = this.#times.keys().next();
      if (oldest.done !== true) this.#times.delete(oldest.value);
    }
    return nowMs;
  }
}
