import { within } from '../../support/deadline.ts';
import { textRanges } from '../../support/text-ranges.ts';
import type { ClockRange } from '../../support/text-ranges.ts';

const deadlineMs = 180_000;
/** Reading a smaller update is faster than comparing it. */
const keptFromBytes = 4_096;
const maxKept = 8;

/** Waits until all edits of one author have arrived at one reader. */
export class Arrival {
  /** The number of edits that have arrived without a gap. */
  clock = 0;
  readonly #author: number;
  readonly #end: number;
  readonly #read: (update: Uint8Array) => readonly ClockRange[];
  /** Ranges after a gap. */
  #early: ClockRange[] = [];
  #arrive: () => void = () => {};
  readonly #arrived: Promise<void>;
  /** Called when more edits have arrived. */
  onProgress: (() => void) | null = null;

  constructor(author: number, end: number, read: (update: Uint8Array) => readonly ClockRange[] = textRanges) {
    this.#author = author;
    this.#end = end;
    this.#read = read;
    this.#arrived = new Promise((resolve) => {
      this.#arrive = resolve;
    });
  }

  take(update: Uint8Array): void {
    const before = this.clock;
    const ranges = this.#read(update).filter(({ client }) => client === this.#author);
    if (ranges.length === 0) return;
    const all = [...this.#early, ...ranges].sort((a, b) => a.start - b.start);
    for (const { start, end } of all) if (start <= this.clock) this.clock = Math.max(this.clock, end);
    this.#early = all.filter(({ start }) => start > this.clock);
    if (this.clock > before) this.onProgress?.();
    if (this.clock >= this.#end) this.#arrive();
  }

  /** Resolves when all edits have arrived. Rejects after minutes, with the edits that are missing. */
  complete(): Promise<void> {
    return within(deadlineMs, () => `edits ${this.clock} to ${this.#end} of ${this.#author}`, this.#arrived);
  }
}

/**
 * Reads the ranges of updates. A large update is read only once, because 150 clients get the same one, and reading it
 * takes longer than sending it.
 */
export function rangeReader(): (update: Uint8Array) => readonly ClockRange[] {
  const kept: { readonly update: Buffer; readonly ranges: readonly ClockRange[] }[] = [];
  return (update) => {
    if (update.length < keptFromBytes) return textRanges(update);
    const known = kept.find((candidate) => candidate.update.equals(update));
    if (known) return known.ranges;
    const ranges = textRanges(update);
    kept.push({ update: Buffer.from(update), ranges });
    if (kept.length > maxKept) kept.shift();
    return ranges;
  };
}
