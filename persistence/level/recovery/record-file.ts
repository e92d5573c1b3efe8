/**
 * The record format of LevelDB's `.log` and MANIFEST files. A file is a series of blocks of 32 KB. A block holds
 * fragments, each with a header of 7 bytes (masked CRC-32C of type and payload, length, type). A record is one full
 * fragment, or a first, any number of middle, and a last one.
 *
 * LevelDB recovers such a file without reporting damage: it drops a bad fragment with the rest of its block, and
 * everything from a fragment whose length reaches beyond the end of the file. This reader distinguishes a torn tail,
 * which every crash may leave, from damage to complete records.
 */
import { maskedCrc32c } from './crc32c.ts';

const blockBytes = 32 * 1024;
const headerBytes = 7;
/** The smallest unit that a power cut leaves either written or unwritten. */
const sectorBytes = 512;
/** Fewer zeros at the end of a file may belong to a record: many Yjs updates end with a zero. */
const minZeroTail = 8;

/** This many bytes of a record are enough to judge whether it is plausible. */
const recordHeaderBytes = 12;

/** Fragment types; 3 is a fragment in the middle of a record. */
const full = 1;
const first = 2;
const last = 4;

export interface Damage {
  /** Byte offset of the first bad fragment in the file. */
  readonly offset: number;
  readonly reason: string;
  /** Number of complete records after the damage. */
  readonly laterRecords: number;
}

export interface RecordCheck {
  /**
   * Called with each complete record before the damage. Returns why the record cannot follow the previous one, or null.
   */
  record(payload: Uint8Array): string | null;
  /**
   * Whether these bytes may be a later record than those seen, or the start of one (12 bytes or more). Called for bytes
   * after a bad fragment.
   */
  isPlausible(payload: Uint8Array): boolean;
  /** Called after every 4 MB, so that the caller can yield to other work. */
  pause(): Promise<void>;
}

export interface CheckedFile {
  readonly damage: Damage | null;
  /** The last record is incomplete or followed by zeros, which is normal after a crash. */
  readonly isTorn: boolean;
}

interface Fragment {
  readonly type: number;
  /** Byte offsets of its payload: [start, end). */
  readonly start: number;
  readonly end: number;
}

const pauseBytes = 4 * 1024 * 1024;

/** Reads a file from its first to its last record. 64 MB take 60 ms, or 170 ms with records of 100 bytes. */
export async function checkRecordFile(bytes: Uint8Array, check: RecordCheck): Promise<CheckedFile> {
  const fragments: Fragment[] = [];
  let at = 0;
  let recordStart = 0;
  let pauseAt = pauseBytes;
  while (at < bytes.length) {
    if (at >= pauseAt) {
      await check.pause();
      pauseAt = at + pauseBytes;
    }
    const blockEnd = blockEndOf(bytes, at);
    // Too short for a header: the block is padded with zeros, or a crash has cut off the header.
    if (blockEnd - at < headerBytes) {
      at = blockEnd;
      continue;
    }
    const fragment = fragmentAt(bytes, at, blockEnd);
    if (fragment === null) return judge(bytes, at, check);
    const misplaced = orderFault(fragment.type, fragments.length > 0);
    if (misplaced !== null) return damaged(at, misplaced, countFrom(bytes, at, check));
    if (fragments.length === 0) recordStart = at;
    fragments.push(fragment);
    at = fragment.end;
    if (fragment.type !== full && fragment.type !== last) continue;
    const fault = check.record(join(bytes, fragments.splice(0)));
    if (fault !== null) return damaged(recordStart, fault, countFrom(bytes, recordStart, check));
  }
  return { damage: null, isTorn: fragments.length > 0 };
}

function blockEndOf(bytes: Uint8Array, at: number): number {
  return Math.min(bytes.length, at - (at % blockBytes) + blockBytes);
}

/** The fragment at this offset; null if it is not intact. */
function fragmentAt(bytes: Uint8Array, at: number, blockEnd: number): Fragment | null {
  const type = bytes[at + 6]!;
  const start = at + headerBytes;
  const end = start + lengthAt(bytes, at);
  if (type < full || type > last || end > blockEnd) return null;
  return maskedCrc32c(bytes, at + 6, end) === crcAt(bytes, at) ? { type, start, end } : null;
}

function crcAt(bytes: Uint8Array, at: number): number {
  return (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0;
}

function lengthAt(bytes: Uint8Array, at: number): number {
  return bytes[at + 4]! | (bytes[at + 5]! << 8);
}

function orderFault(type: number, isInside: boolean): string | null {
  const begins = type === full || type === first;
  if (begins && isInside) return 'the previous record has no end';
  return begins || isInside ? null : 'a record has no beginning';
}

function join(bytes: Uint8Array, fragments: readonly Fragment[]): Uint8Array {
  const [only] = fragments;
  if (fragments.length === 1 && only !== undefined) return bytes.subarray(only.start, only.end);
  return Buffer.concat(fragments.map(({ start, end }) => bytes.subarray(start, end)));
}

/** Decides whether the bad fragment at this offset is the tail torn by a crash, or damage. */
function judge(bytes: Uint8Array, at: number, check: RecordCheck): CheckedFile {
  const torn: CheckedFile = { damage: null, isTorn: true };
  const contentEnd = endOfContent(bytes);
  if (contentEnd <= at) return torn;
  const laterRecords = countFrom(bytes, at + 1, check);
  const found = damaged(at, 'a record is corrupt', laterRecords);
  if (laterRecords > 0) return found;
  // A power cut leaves zeros in place of unwritten data.
  const end = at + headerBytes + lengthAt(bytes, at);
  const hasZeroTail = contentEnd < end && bytes.length - contentEnd >= minZeroTail;
  if (hasZeroTail || hasUnwrittenSector(bytes, at)) return torn;
  return isCut(bytes, at, check) ? torn : found;
}

/** Whether a fragment starts here that extends beyond the end of the file. */
function isCut(bytes: Uint8Array, at: number, check: RecordCheck): boolean {
  const type = bytes[at + 6]!;
  const start = at + headerBytes;
  const end = start + lengthAt(bytes, at);
  const blockEnd = at - (at % blockBytes) + blockBytes;
  if (type < full || type > last || end <= bytes.length || end > blockEnd) return false;
  const begins = type === full || type === first;
  const ends = type === full || type === last;
  if (!ends && end !== blockEnd) return false;
  const known = bytes.subarray(start);
  if (begins && known.length >= recordHeaderBytes && !check.isPlausible(known)) return false;
  // The checksum does not cover the length. If the checksum holds up to the end of the file, the length is wrong.
  return maskedCrc32c(bytes, at + 6, bytes.length) !== crcAt(bytes, at);
}

function endOfContent(bytes: Uint8Array): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return end;
}

function hasUnwrittenSector(bytes: Uint8Array, from: number): boolean {
  for (let start = from; start < bytes.length;) {
    const end = Math.min(bytes.length, start - (start % sectorBytes) + sectorBytes);
    if (end - start >= minZeroTail && bytes.subarray(start, end).every((byte) => byte === 0)) return true;
    start = end;
  }
  return false;
}

function damaged(offset: number, reason: string, laterRecords: number): CheckedFile {
  return { damage: { offset, reason, laterRecords }, isTorn: false };
}

/**
 * Counts the complete records after a bad fragment, in later blocks and in the rest of its block, which LevelDB skips.
 */
function countFrom(bytes: Uint8Array, from: number, check: RecordCheck): number {
  let count = 0;
  let inside: Fragment[] = [];
  let at = nextStart(bytes, from, check);
  while (at < bytes.length) {
    const blockEnd = blockEndOf(bytes, at);
    if (blockEnd - at < headerBytes) {
      at = blockEnd;
      continue;
    }
    const fragment = fragmentAt(bytes, at, blockEnd);
    at = fragment?.end ?? blockEnd;
    if (fragment === null) inside = [];
    else if (fragment.type === full || fragment.type === first) inside = [fragment];
    else if (inside.length > 0) inside.push(fragment);
    if (inside.length === 0 || (fragment!.type !== full && fragment!.type !== last)) continue;
    if (check.isPlausible(join(bytes, inside))) count += 1;
    inside = [];
  }
  return count;
}

/**
 * The next record in this block, or else the next block. The record may start at any byte because a length may be
 * wrong.
 */
function nextStart(bytes: Uint8Array, from: number, check: RecordCheck): number {
  const blockEnd = blockEndOf(bytes, from);
  for (let at = from; at + headerBytes <= blockEnd; at += 1) {
    const fragment = fragmentAt(bytes, at, blockEnd);
    if (fragment === null || (fragment.type !== full && fragment.type !== first)) continue;
    if (check.isPlausible(bytes.subarray(fragment.start, fragment.end))) return at;
  }
  return blockEnd;
}
