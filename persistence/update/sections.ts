import { createEncoder, toUint8Array, writeUint8Array, writeVarUint } from 'lib0/encoding';
import { structKind } from './struct-reader.ts';
import type { StructReader } from './struct-reader.ts';

/** Adjacent structs of one client, as stored in an update. */
export interface Section {
  readonly client: number;
  readonly clock: number;
  structCount: number;
  /** Byte offsets in the update: [start, end). */
  readonly start: number;
  end: number;
}

/** Starts a section with the last struct that was read. */
export function sectionAt(reader: StructReader): Section {
  return { client: reader.client, clock: reader.clock, structCount: 1, start: reader.start, end: reader.pos };
}

/** Builds an update of sections by copying bytes. Each client may occur only once, and clients must descend. */
export function encodeSections(update: Uint8Array, sections: readonly Section[], deleteSet: Uint8Array): Uint8Array {
  const encoder = createEncoder();
  writeVarUint(encoder, sections.length);
  for (const { client, clock, structCount, start, end } of sections) {
    writeVarUint(encoder, structCount);
    writeVarUint(encoder, client);
    writeVarUint(encoder, clock);
    writeUint8Array(encoder, update.subarray(start, end));
  }
  writeUint8Array(encoder, deleteSet);
  return toUint8Array(encoder);
}

/** Adds the clocks of the last struct that was read to flat triples (client, start, end). A Skip adds nothing. */
export function pushInterval(intervals: number[], { kind, client, clock, length }: StructReader): void {
  if (kind === structKind.skip) return;
  if (intervals.at(-3) === client && intervals.at(-1) === clock) intervals[intervals.length - 1] = clock + length;
  else intervals.push(client, clock, clock + length);
}
