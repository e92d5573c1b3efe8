/**
 * The contents of a block in a table of LevelDB: entries in key order, the offset of each 16th entry (a restart point,
 * 4 bytes), and the number of restart points (4 bytes). A key is stored as the number of bytes that it shares with the
 * previous key, and the remaining bytes. LevelDB appends a sequence number and a type to each key (8 bytes).
 */
import { createDecoder, hasContent, readUint8Array, readVarUint } from 'lib0/decoding';
import { asBuffer, hasManyVersions } from '../../engine/keys.ts';
import { keyAfter } from './lost-ranges.ts';
import { isSealed } from '../../engine/records.ts';
import type { KeyRange } from '../../engine/record-store.ts';

const numberBytes = 4;
const restartInterval = 16;
const suffixBytes = 8;
const deletion = 0;
const value = 1;

interface BlockEntry {
  /** With LevelDB's suffix. */
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** Bounds for the keys of a block that are known without reading it. */
interface BlockBounds {
  /** The keys of the block are greater than this one, with the suffix; null in the first block of a table. */
  readonly after: Uint8Array | null;
  /** The keys of the block are at most this one, with the suffix. */
  readonly upTo: Uint8Array;
  /** The first and the last key of the table, without the suffix. */
  readonly smallest: Uint8Array;
  readonly largest: Uint8Array;
}

/** Removes the suffix from a key in LevelDB's files. Throws RangeError if the key is too short to have one. */
export function userKeyOf(key: Uint8Array): Uint8Array {
  if (key.length < suffixBytes) throw new RangeError('a key is too short');
  return key.subarray(0, -suffixBytes);
}

/** The entries of a block of records or of an index. Throws if LevelDB cannot have written the block. */
export function readEntries(contents: Uint8Array, interval: number | null): readonly BlockEntry[] {
  const buffer = asBuffer(contents);
  const restarts = buffer.readUInt32LE(buffer.length - numberBytes);
  const end = buffer.length - numberBytes * (1 + restarts);
  if (end < 0) throw new RangeError('there are too many restart points');
  const decoder = createDecoder(buffer.subarray(0, end));
  const entries: BlockEntry[] = [];
  let key: Uint8Array = new Uint8Array();
  while (hasContent(decoder)) {
    const start = decoder.pos;
    const shared = readVarUint(decoder);
    const ownBytes = readVarUint(decoder);
    const valueBytes = readVarUint(decoder);
    if (shared > key.length || decoder.pos + ownBytes + valueBytes > end) throw new RangeError('an entry is too long');
    if (interval !== null && entries.length % interval === 0) {
      const place = entries.length / interval;
      const isRestart = place < restarts && buffer.readUInt32LE(end + numberBytes * place) === start && shared === 0;
      if (!isRestart) throw new RangeError('a restart point is wrong');
    }
    key = Buffer.concat([key.subarray(0, shared), readUint8Array(decoder, ownBytes)]);
    entries.push({ key, value: readUint8Array(decoder, valueBytes) });
  }
  if (interval !== null && restarts !== Math.max(1, Math.ceil(entries.length / interval))) {
    throw new RangeError('there are too many restart points');
  }
  return entries;
}

/**
 * The key ranges of the damaged records in a block with a wrong checksum. Null if they cannot be determined, or if
 * LevelDB could not read the block: it aborts on keys that are too short or out of order. If not null, LevelDB may read
 * the block unchanged.
 */
export function findBadRecords(contents: Uint8Array, bounds: BlockBounds): readonly KeyRange[] | null {
  let entries: readonly BlockEntry[];
  try {
    entries = readEntries(contents, restartInterval);
    if (!isInOrder(entries, bounds)) return null;
  } catch {
    return null;
  }
  const ranges: KeyRange[] = [];
  let from = bounds.after === null ? bounds.smallest : keyAfter(userKeyOf(bounds.after));
  let isBad = false;
  for (const entry of entries) {
    const key = userKeyOf(entry.key);
    if (!isIntact(entry)) {
      isBad = true;
      continue;
    }
    // A record that was overwritten may occur in two versions here, and the damaged one may be the newer version of
    // this key.
    if (isBad) ranges.push({ gte: from, lt: hasManyVersions(key) ? keyAfter(key) : key });
    isBad = false;
    from = keyAfter(key);
  }
  if (isBad) ranges.push({ gte: from, lt: keyAfter(lastKey(bounds)) });
  // The damage is in a part without a record checksum: a deletion, or a sequence number of LevelDB.
  return ranges.length === 0 ? null : ranges;
}

/** All keys that a block may hold. */
export function allKeys(bounds: BlockBounds): KeyRange {
  const { after, smallest } = bounds;
  return { gte: after === null ? smallest : keyAfter(userKeyOf(after)), lt: keyAfter(lastKey(bounds)) };
}

function lastKey({ upTo, largest }: BlockBounds): Uint8Array {
  const key = userKeyOf(upTo);
  return Buffer.compare(key, largest) > 0 ? largest : key;
}

function isIntact({ key, value: stored }: BlockEntry): boolean {
  const type = key[key.length - suffixBytes];
  if (type === deletion) return stored.length === 0;
  return type === value && isSealed(userKeyOf(key), stored);
}

function isInOrder(entries: readonly BlockEntry[], { after, upTo, smallest, largest }: BlockBounds): boolean {
  const [first, last] = [entries[0]?.key, entries.at(-1)?.key];
  if (first === undefined || last === undefined) return false;
  if (after === null ? Buffer.compare(userKeyOf(first), smallest) < 0 : compareKeys(after, first) >= 0) return false;
  if (compareKeys(last, upTo) > 0 || Buffer.compare(userKeyOf(last), largest) > 0) return false;
  return entries.every(({ key }, i) => i === 0 || compareKeys(entries[i - 1]!.key, key) < 0);
}

/** LevelDB's order: by key, and the newest version of a key first. */
function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const order = Buffer.compare(userKeyOf(a), userKeyOf(b));
  if (order !== 0) return order;
  const [suffixA, suffixB] = [a, b].map((key) => asBuffer(key).readBigUInt64LE(key.length - suffixBytes));
  return suffixA === suffixB ? 0 : suffixA! > suffixB! ? -1 : 1;
}
