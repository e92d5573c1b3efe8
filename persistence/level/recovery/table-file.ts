/**
 * The format of LevelDB's tables (`.ldb`). A file holds data blocks, a filter block, a metaindex block that points to
 * the filter, an index block that points to the data blocks, and a footer of 48 bytes that points to index and
 * metaindex. Each block is followed by its compression type (1 byte) and the masked CRC-32C of both (4 bytes).
 *
 * LevelDB reads blocks without verifying the checksum (`classic-level` does not offer `verify_checksums`). A changed
 * byte may then hide records, or fail an assertion in LevelDB, which aborts the process. This reader verifies all
 * checksums.
 */
import { createDecoder, readVarUint } from 'lib0/decoding';
import type { Decoder } from 'lib0/decoding';
import type { FileHandle } from 'node:fs/promises';
import { crc32c, masked, maskedCrc32c } from './crc32c.ts';
import { asBuffer } from '../../engine/keys.ts';
import { keyAfter } from './lost-ranges.ts';
import type { TableEntry } from './manifest.ts';
import { openRegularFile } from '../regular-file.ts';
import type { KeyRange } from '../../engine/record-store.ts';
import { uncompress } from './snappy.ts';
import { allKeys, findBadRecords, readEntries, userKeyOf } from './table-block.ts';

/** The position of a block. The size excludes its trailer. */
export interface Block {
  readonly offset: number;
  readonly size: number;
}

export interface BadBlock {
  /**
   * - `data`: the block holds records
   * - `filter`: the block belongs to the filter, which excludes keys from a lookup; nothing is lost without it
   * - `table`: nothing in the file can be found
   */
  readonly part: 'data' | 'filter' | 'table';
  /** Byte offset at which the damage begins. */
  readonly offset: number;
  readonly reason: string;
  /** Key ranges of the lost records. */
  readonly lost: readonly KeyRange[];
  /**
   * The block that LevelDB must not read unchanged. With `canStay` LevelDB may read its contents, because all entries
   * are in order; the damaged records are in `lost`.
   */
  readonly block: Block;
  readonly canStay: boolean;
}

interface IndexEntry {
  /** The highest key that the block may hold, with LevelDB's suffix. */
  readonly upTo: Uint8Array;
  readonly block: Block;
}

const trailerBytes = 5;
export const footerBytes = 48;
const magicBytes = 8;
const magic = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const uncompressed = 0;
const snappy = 1;
/** Bytes of a file held in memory, in addition to its index. A checksum over this many takes 1 ms. */
const windowBytes = 1024 * 1024;

/** Index and metaindex as two varints of up to 10 bytes each, padded, and then the magic number. */
export function encodeFooter(metaindex: Block, index: Block): Buffer {
  const footer = Buffer.alloc(footerBytes);
  let at = 0;
  for (let value of [metaindex.offset, metaindex.size, index.offset, index.size]) {
    for (; value >= 128; value = Math.floor(value / 128)) footer[at++] = (value % 128) + 128;
    footer[at++] = value;
  }
  footer.set(magic, footerBytes - magicBytes);
  return footer;
}

/**
 * A block without records, with its trailer. Zeros are one to LevelDB, because a block ends with its number of restart
 * points.
 */
export function encodeEmptyBlock(size: number): Buffer {
  const block = Buffer.alloc(size + 1);
  return Buffer.concat([block, encodeChecksum(block)]);
}

/** The checksum of a block and its compression type. */
export function encodeChecksum(block: Uint8Array): Buffer {
  const checksum = Buffer.alloc(trailerBytes - 1);
  checksum.writeUInt32LE(maskedCrc32c(block, 0, block.length));
  return checksum;
}

/**
 * Reads every block of a table and returns the damaged ones, in no order. Rejects with the errors of opening or reading
 * the file.
 */
export async function checkTable(path: string, table: TableEntry): Promise<readonly BadBlock[]> {
  const file = await openRegularFile(path);
  try {
    const { size } = await file.stat();
    if (size < table.size) return [wholeTable(table, size, `it has ${size} bytes instead of ${table.size}`)];
    return await new TableReader(new Window(file), table).check();
  } finally {
    await file.close();
  }
}

/** Reports the whole table as unusable. */
export function wholeTable({ size, smallest, largest }: TableEntry, offset: number, reason: string): BadBlock {
  const lost = [{ gte: smallest, lt: keyAfter(largest) }];
  return { part: 'table', offset, reason, lost, block: { offset: 0, size }, canStay: false };
}

/** A window of a file in memory. */
class Window {
  readonly #file: FileHandle;
  #buffer = Buffer.alloc(0);
  #start = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Bytes of the file, valid until the next call. Rejects if the file ends earlier. */
  async read(offset: number, length: number): Promise<Buffer> {
    if (offset < this.#start || offset + length > this.#start + this.#buffer.length) await this.#fill(offset, length);
    return this.#buffer.subarray(offset - this.#start, offset - this.#start + length);
  }

  async #fill(offset: number, length: number): Promise<void> {
    const buffer = Buffer.allocUnsafe(Math.max(length, windowBytes));
    let end = 0;
    while (end < length) {
      const { bytesRead } = await this.#file.read(buffer, end, buffer.length - end, offset + end);
      if (bytesRead === 0) throw new Error(`the file ends at byte ${offset + end}`);
      end += bytesRead;
    }
    this.#buffer = buffer.subarray(0, end);
    this.#start = offset;
  }
}

class TableReader {
  readonly #window: Window;
  readonly #table: TableEntry;

  constructor(window: Window, table: TableEntry) {
    this.#window = window;
    this.#table = table;
  }

  async check(): Promise<readonly BadBlock[]> {
    const footerStart = this.#table.size - footerBytes;
    if (footerStart < 0) return [this.#unusable(0, 'it is too short for a table')];
    const footer = await this.#window.read(footerStart, footerBytes);
    const handles = readFooter(footer);
    if (handles === null) return [this.#unusable(footerStart, 'its last 48 bytes are not the footer of a table')];
    const [metaindex, index] = handles;
    const indexBytes = await this.#contentsOf(index);
    if (indexBytes === null) return [this.#unusable(index.offset, 'the checksum of its index is wrong')];
    const entries = readIndex(indexBytes);
    if (entries === null || !this.#fits(metaindex) || !entries.every(({ block }) => this.#fits(block))) {
      return [this.#unusable(index.offset, 'its index is not one that LevelDB writes')];
    }
    return [...(await this.#checkData(entries)), ...(await this.#checkFilter(metaindex))];
  }

  async #checkData(entries: readonly IndexEntry[]): Promise<BadBlock[]> {
    const bad: BadBlock[] = [];
    let after: Uint8Array | null = null;
    for (const { upTo, block } of entries) {
      if (!(await this.#isSound(block))) bad.push(await this.#badData(block, after, upTo));
      after = upTo;
    }
    return bad;
  }

  async #badData(block: Block, after: Uint8Array | null, upTo: Uint8Array): Promise<BadBlock> {
    const bounds = { ...this.#table, after, upTo };
    const contents = await this.#read(block);
    const found = contents === null ? null : findBadRecords(contents, bounds);
    const reason = 'the checksum of a block is wrong';
    const lost = found ?? [allKeys(bounds)];
    return { part: 'data', offset: block.offset, reason, lost, block, canStay: found !== null };
  }

  /** Checks the filter. LevelDB takes a metaindex without entries for a table without a filter. */
  async #checkFilter(metaindex: Block): Promise<BadBlock[]> {
    const bad = (offset: number, reason: string): BadBlock[] => [
      { part: 'filter', offset, reason, lost: [], block: metaindex, canStay: false },
    ];
    const bytes = await this.#contentsOf(metaindex);
    if (bytes === null) return bad(metaindex.offset, 'the checksum of its metaindex is wrong');
    const filters = readMetaindex(bytes);
    if (filters === null || !filters.every((filter) => this.#fits(filter))) {
      return bad(metaindex.offset, 'its metaindex is not one that LevelDB writes');
    }
    for (const filter of filters) {
      if (!(await this.#isSound(filter))) return bad(filter.offset, 'the checksum of its filter is wrong');
    }
    return [];
  }

  /** The contents of a block; null if it is damaged. */
  async #contentsOf(block: Block): Promise<Uint8Array | null> {
    return this.#fits(block) && (await this.#isSound(block)) ? this.#read(block) : null;
  }

  /** The contents of a block, intact or not; null if they cannot be uncompressed. */
  async #read(block: Block): Promise<Uint8Array | null> {
    const bytes = await this.#window.read(block.offset, block.size + 1);
    const stored = Uint8Array.from(bytes.subarray(0, block.size));
    const type = bytes[block.size];
    if (type === uncompressed) return stored;
    return type === snappy ? readOrNull(() => uncompress(stored)) : null;
  }

  #fits({ offset, size }: Block): boolean {
    return offset + size + trailerBytes <= this.#table.size - footerBytes;
  }

  async #isSound({ offset, size }: Block): Promise<boolean> {
    const end = offset + size + 1;
    let crc = 0;
    for (let at = offset; at < end;) {
      const length = Math.min(end - at, windowBytes);
      crc = crc32c(await this.#window.read(at, length), 0, length, crc);
      at += length;
    }
    return (await this.#window.read(end, 4)).readUInt32LE() === masked(crc);
  }

  #unusable(offset: number, reason: string): BadBlock {
    return wholeTable(this.#table, offset, reason);
  }
}

/** The blocks of metaindex and index; null if the bytes are not a footer. */
function readFooter(footer: Uint8Array): readonly [Block, Block] | null {
  if (!asBuffer(footer.subarray(-magicBytes)).equals(magic)) return null;
  const decoder = createDecoder(footer.subarray(0, -magicBytes));
  return readOrNull(() => [readBlock(decoder), readBlock(decoder)]);
}

function readIndex(contents: Uint8Array): readonly IndexEntry[] | null {
  return readOrNull(() =>
    readEntries(contents, null).map(({ key, value }) => {
      if (userKeyOf(key).length === 0) throw new RangeError('a key is empty');
      return { upTo: key, block: readBlock(createDecoder(value)) };
    }),
  );
}

function readMetaindex(contents: Uint8Array): readonly Block[] | null {
  return readOrNull(() => readEntries(contents, null).map(({ value }) => readBlock(createDecoder(value))));
}

/** Null for bytes that LevelDB does not write, even if their checksum is correct. */
function readOrNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}

function readBlock(decoder: Decoder): Block {
  const offset = readVarUint(decoder);
  return { offset, size: readVarUint(decoder) };
}
