/** The count of one key. Pass it to `Tally.leave`. */
export interface Tallied {
  readonly key: string;
  count: number;
}

/** Counts open items by the key that they belong to. Forgets a key that has none. */
export class Tally {
  readonly #entries = new Map<string, Tallied>();

  countOf(key: string): number {
    return this.#entries.get(key)?.count ?? 0;
  }

  /** Adds one item. All items of a key share one object, so that thousands of them store the key once. */
  enter(key: string): Tallied {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { key, count: 0 };
      this.#entries.set(key, entry);
    }
    entry.count++;
    return entry;
  }

  leave(entry: Tallied): void {
    entry.count--;
    if (entry.count === 0) this.#entries.delete(entry.key);
  }
}
