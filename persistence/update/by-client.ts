import { createEncoder, toUint8Array, writeUint8Array, writeVarUint } from 'lib0/encoding';
import { encodeDeleteRanges, readDeleteRanges } from './delete-set.ts';
import { noScanLimits, StructReader } from './struct-reader.ts';

/**
 * Splits a scanned update into one update per client for its structs, and one per client for the deletions in its
 * content.
 */
export function splitByClient(update: Uint8Array): Uint8Array[] {
  const reader = new StructReader(update, noScanLimits);
  const pieces: Uint8Array[] = [];
  for (let start = reader.pos; reader.nextClient(); start = reader.pos) {
    while (reader.nextStruct());
    pieces.push(updateOf(1, update.subarray(start, reader.pos), encodeDeleteRanges([])));
  }
  const deletes = readDeleteRanges(reader, noScanLimits);
  for (let start = 0, end = 0; start < deletes.length; start = end) {
    while (deletes[end] === deletes[start]) end += 3;
    pieces.push(updateOf(0, encodeDeleteRanges(deletes.slice(start, end))));
  }
  return pieces;
}

function updateOf(clients: number, ...sections: readonly Uint8Array[]): Uint8Array {
  const encoder = createEncoder();
  writeVarUint(encoder, clients);
  for (const section of sections) writeUint8Array(encoder, section);
  return toUint8Array(encoder);
}
