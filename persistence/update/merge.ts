import { mergeUpdates } from 'yjs';
import { concatenateUpdates } from './concatenate.ts';
import { encodeDeleteRanges } from './delete-set.ts';
import type { Numbers } from './delete-set.ts';
import type { UpdateFacts } from './scan.ts';

/**
 * How many updates are merged at once. Yjs's mergeUpdates is quadratic: at 50 updates it costs 2-7 us per update; 500
 * at once take 9 ms, and 260,000 over ten minutes.
 */
const mergeWidth = 50;

/** Merges scanned updates into one that brings the same structs and deletions. May return one of the inputs. */
export function mergeInLevels(updates: readonly Uint8Array[]): Uint8Array {
  if (updates.length === 1) return updates[0] as Uint8Array;
  const concatenated = concatenateUpdates(updates);
  if (concatenated !== null) return concatenated;
  let level: readonly Uint8Array[] = updates;
  while (level.length > mergeWidth) {
    const next: Uint8Array[] = [];
    for (let i = 0; i < level.length; i += mergeWidth) next.push(mergeUpdates(level.slice(i, i + mergeWidth)));
    level = next;
  }
  return mergeUpdates([...level]);
}

/**
 * The same structs with another delete set, given as flat triples (client, start, end), grouped by client and
 * ascending.
 */
export function trimDeletes(update: Uint8Array, facts: UpdateFacts, newDeletes: Numbers): Uint8Array {
  return concat(update.subarray(0, facts.deleteSetOffset), encodeDeleteRanges(newDeletes));
}

/** Combines the structs of an update without deletions and an encoded delete set. */
export function withDeleteSet(structs: Uint8Array, deleteSet: Uint8Array): Uint8Array {
  return concat(structs.subarray(0, -1), deleteSet);
}

function concat(head: Uint8Array, tail: Uint8Array): Uint8Array {
  const joined = new Uint8Array(head.length + tail.length);
  joined.set(head);
  joined.set(tail, head.length);
  return joined;
}
