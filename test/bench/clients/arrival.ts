import { within } from '../../support/deadline.ts';
import { textRanges } from '../../support/text-ranges.ts';
import type { ClockRange } from '../../support/text-ranges.ts';

const deadlineMs = 180_000;
/** Smaller updates are read faster than they are compared. */
const keptFromBytes = 4_096;
const maxKept = 8;

/** Waits until the edits of one author, as many as there are, have come to one reader. */
export class Arrival {
  /** So many edits have come, from the first on. */
  clock = 0;
  readonly #author: number;
  readonly #end: number;
  readonly #read: (update: Uint8Array) => readonly ClockRange[];
  /** Came too early: what lies before it is still missing. */
  #early: ClockRange[] = [];
  #arrive: () => void = () => {};
  readonly #arrived: Promise<void>;
  /** Called when more has come. */
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

  /** Resolves when all has come; rejects, saying what is missing, if that takes minutes. */
  complete(): Promise<void> {
    return within(deadlineMs, () => `edits ${this.clock} to ${this.#end} of ${this.#author}`, this.#arrived);
  }
}

/** Reads the ranges of updates, those of a large one only once: 150 people get the same, and reading it takes longer than sending it. */
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
