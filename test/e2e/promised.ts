import { deletedRanges, textRanges } from '../support/text-ranges.ts';
import type { ClockRange } from '../support/text-ranges.ts';

/** Edits and deletions that a client has received or that were acknowledged as saved, and so must never be lost. */
export class Promised {
  readonly #inserted = new Map<number, Set<number>>();
  readonly #deleted = new Map<number, Set<number>>();
  count = 0;

  takeUpdate(update: Uint8Array): void {
    for (const range of textRanges(update)) this.inserted(range);
    for (const range of deletedRanges(update)) this.#add(this.#deleted, range);
  }

  inserted(range: ClockRange): void {
    this.#add(this.#inserted, range);
  }

  /** A description of what is missing in `found`. */
  missingIn(found: Promised): string[] {
    return [
      ...lacking(this.#inserted, found.#inserted).map((id) => `insert ${id}`),
      ...lacking(this.#deleted, found.#deleted).map((id) => `delete ${id}`),
    ];
  }

  #add(kind: Map<number, Set<number>>, { client, start, end }: ClockRange): void {
    let clocks = kind.get(client);
    if (!clocks) kind.set(client, (clocks = new Set()));
    for (let clock = start; clock < end; clock++) {
      if (!clocks.has(clock)) this.count++;
      clocks.add(clock);
    }
  }
}

function lacking(wanted: ReadonlyMap<number, Set<number>>, found: ReadonlyMap<number, Set<number>>): string[] {
  const missing: string[] = [];
  for (const [client, clocks] of wanted) {
    for (const clock of clocks) if (!found.get(client)?.has(clock)) missing.push(`${client}:${clock}`);
  }
  return missing;
}
