/** How many there are of one kind. To be given back to `Tally.leave`. */
export interface Tallied {
  readonly key: string;
  count: number;
}

/** Counts what is open at present by whom it belongs to. Remembers nobody who has nothing open. */
export class Tally {
  readonly #entries = new Map<string, Tallied>();

  countOf(key: string): number {
    return this.#entries.get(key)?.count ?? 0;
  }

  /** One more. All of one key get the same object, so that thousands of them cost no text. */
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
