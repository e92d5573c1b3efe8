import type { RangeSet } from '../../persistence/update/ranges.ts';
import { deletedRanges } from './text-ranges.ts';

/** The ranges of a set as flat triples (client, start, end), read from its encoding. The highest client comes first. */
export function flatOf(set: RangeSet): number[] {
  // An update without structs.
  const update = Buffer.concat([Uint8Array.of(0), set.encodeDeleteSet()]);
  return deletedRanges(update).flatMap(({ client, start, end }) => [client, start, end]);
}
