import * as decoding from 'lib0/decoding';

/** A range of clocks of one client. */
export interface ClockRange {
  readonly client: number;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
}

const contentBits = 0x1f;
const hasOrigin = 0x80;
const hasRightOrigin = 0x40;
const hasParentKey = 0x20;
const structs = { gc: 0, deleted: 1, string: 4, skip: 10 } as const;

/**
 * The clocks that an update of plain text covers, read from its bytes. Independent of the server's scan, so that a test
 * does not judge the server by its own code. Throws on content other than text.
 */
export function textRanges(update: Uint8Array): ClockRange[] {
  return readStructs(decoding.createDecoder(update));
}

/** The clocks that such an update deletes. */
export function deletedRanges(update: Uint8Array): ClockRange[] {
  const decoder = decoding.createDecoder(update);
  readStructs(decoder);
  const ranges: ClockRange[] = [];
  for (let clients = decoding.readVarUint(decoder); clients > 0; clients--) {
    const client = decoding.readVarUint(decoder);
    for (let left = decoding.readVarUint(decoder); left > 0; left--) {
      const start = decoding.readVarUint(decoder);
      ranges.push({ client, start, end: start + decoding.readVarUint(decoder) });
    }
  }
  return ranges;
}

function readStructs(decoder: decoding.Decoder): ClockRange[] {
  const ranges: ClockRange[] = [];
  for (let clients = decoding.readVarUint(decoder); clients > 0; clients--) {
    let left = decoding.readVarUint(decoder);
    const client = decoding.readVarUint(decoder);
    let clock = decoding.readVarUint(decoder);
    let start = clock;
    for (; left > 0; left--) {
      const info = decoding.readUint8(decoder);
      if (info === structs.skip) {
        if (start < clock) ranges.push({ client, start, end: clock });
        clock += decoding.readVarUint(decoder);
        start = clock;
      } else {
        clock += readLength(decoder, info);
      }
    }
    if (start < clock) ranges.push({ client, start, end: clock });
  }
  return ranges;
}

/** Reads one struct. Returns its length in clocks. */
function readLength(decoder: decoding.Decoder, info: number): number {
  if (info === structs.gc) return decoding.readVarUint(decoder);
  if (info & hasOrigin) skipId(decoder);
  if (info & hasRightOrigin) skipId(decoder);
  if (!(info & (hasOrigin | hasRightOrigin))) {
    if (decoding.readVarUint(decoder) === 1) decoding.readVarString(decoder);
    else skipId(decoder);
    if (info & hasParentKey) decoding.readVarString(decoder);
  }
  switch (info & contentBits) {
    case structs.deleted:
      return decoding.readVarUint(decoder);
    case structs.string:
      return decoding.readVarString(decoder).length;
    default:
      throw new Error(`Not text: content ${info & contentBits}`);
  }
}

function skipId(decoder: decoding.Decoder): void {
  decoding.readVarUint(decoder);
  decoding.readVarUint(decoder);
}
