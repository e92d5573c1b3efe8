/**
 * The keys of records that were lost in damaged tables. They are stored in the database's folder, in a file that
 * LevelDB ignores: a line with the CRC-32 of the rest, then the ranges in JSON. The file is on disk before LevelDB
 * opens such a table.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { crc32 } from 'node:zlib';
import { LogError } from '../../errors.ts';
import { replaceFile } from '../durable-files.ts';
import { asBuffer, docIdIn } from '../../engine/keys.ts';
import type { KeyRange } from '../../engine/record-store.ts';

/** Records with keys in this range may have been in a damaged part of a table. */
export interface LostRange extends KeyRange {
  /** The table, and the byte offset of the damaged part in it. */
  readonly file: string;
  readonly offset: number;
}

/** A range as stored in the file. The keys are hexadecimal. */
interface PlainRange {
  readonly file: string;
  readonly offset: number;
  readonly gte: string;
  readonly lt: string;
}

export const lostRangesFile = 'DAMAGED';
/** Longer document names are truncated in messages. */
const maxNameLength = 100;

/** The lost ranges of one database. */
export class LostRanges {
  readonly all: readonly LostRange[];

  constructor(all: readonly LostRange[]) {
    this.all = all;
  }

  /** Reads the ranges of a database; there are none if nothing was ever lost. Rejects with LogError LOG_DAMAGED. */
  static async load(folder: string): Promise<LostRanges> {
    const path = join(folder, lostRangesFile);
    try {
      return new LostRanges(decode(await readFile(path, 'utf8')));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return new LostRanges([]);
      if (!(cause instanceof SyntaxError)) throw cause;
      const text = `${path} is damaged. It lists documents that have lost records; without it they would be served.`;
      throw new LogError('LOG_DAMAGED', `${text} Nothing was changed. Restore a backup.`, { cause });
    }
  }

  /** Returns the ranges with `ranges` added, once they are on disk. */
  async add(folder: string, ranges: readonly LostRange[]): Promise<LostRanges> {
    // An attempt that was killed may have stored some of them already.
    const isNew = (range: LostRange): boolean =>
      !this.all.some((known) => isDeepStrictEqual(toPlain(known), toPlain(range)));
    const together = new LostRanges([...this.all, ...ranges.filter(isNew)]);
    await replaceFile(folder, lostRangesFile, encode(together.all));
    return together;
  }

  /** A lost range that may have contained a record of this range; null if there is none. */
  within({ gte, lt }: KeyRange): LostRange | null {
    const touches = (lost: LostRange): boolean => isBefore(lost.gte, lt) && isBefore(gte, lost.lt);
    return this.all.length === 0 ? null : (this.all.find(touches) ?? null);
  }

  /** A lost range that may have contained this record; null if there is none. */
  at(key: Uint8Array): LostRange | null {
    return this.all.length === 0 ? null : this.within({ gte: key, lt: keyAfter(key) });
  }
}

/** The smallest key that is greater than `key`. */
export function keyAfter(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, Buffer.alloc(1)]);
}

/** Describes the documents whose records may be in a range, as far as its bounds tell, for messages. */
export function describeDocuments({ gte, lt }: KeyRange): string {
  const [first, last] = [gte, lt].map((key) => docIdIn(key));
  const isOne = gte[0] === lt[0] && first !== null && first === last;
  if (isOne) return `the document ${quoted(first!)}`;
  const from = first === null || first === undefined ? '' : ` from ${quoted(first)}`;
  const to = last === null || last === undefined ? '' : ` to ${quoted(last)}`;
  return from + to === '' ? 'several documents' : `documents${from}${to}`;
}

function quoted(docId: string): string {
  return JSON.stringify(docId.length > maxNameLength ? `${docId.slice(0, maxNameLength)}...` : docId);
}

function isBefore(a: Uint8Array, b: Uint8Array): boolean {
  return asBuffer(a).compare(b) < 0;
}

function hex(key: Uint8Array): string {
  return asBuffer(key).toString('hex');
}

function toPlain({ file, offset, gte, lt }: LostRange): PlainRange {
  return { file, offset, gte: hex(gte), lt: hex(lt) };
}

function encode(ranges: readonly LostRange[]): Buffer {
  const text = `${JSON.stringify(ranges.map(toPlain), null, 1)}\n`;
  return Buffer.from(`${checksumOf(text)}\n${text}`);
}

/** Throws SyntaxError if the contents are damaged. */
function decode(contents: string): readonly LostRange[] {
  const end = contents.indexOf('\n');
  const text = contents.slice(end + 1);
  if (contents.slice(0, Math.max(0, end)) !== checksumOf(text)) throw new SyntaxError('the checksum is wrong');
  const plain = JSON.parse(text) as readonly PlainRange[];
  return plain.map(({ file, offset, gte, lt }) => ({
    file,
    offset,
    gte: Buffer.from(gte, 'hex'),
    lt: Buffer.from(lt, 'hex'),
  }));
}

function checksumOf(text: string): string {
  return crc32(text).toString(16).padStart(8, '0');
}
