/**
 * Makes damaged tables harmless before LevelDB opens them. LevelDB would abort on some damaged blocks. On others its
 * compaction would fail, and with it all writes. So each damaged block gets a correct checksum. If its entries are in
 * order and each record's own checksum tells whether it is intact, the block keeps its contents; otherwise it is
 * emptied. The keys of the lost records are stored first (`LostRanges`), and no document that may have had one of them
 * is served.
 */
import { constants, copyFile, open, readdir, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { LogError } from '../../errors.ts';
import { holdingLock } from '../database-lock.ts';
import { syncPath } from '../durable-files.ts';
import { formatKey } from '../../engine/keys.ts';
import { describeDocuments, LostRanges } from './lost-ranges.ts';
import { StorageFault } from '../storage-faults.ts';
import { checkTables } from './table-check.ts';
import type { TableDamage, TablesCheck } from './table-check.ts';
import { encodeChecksum, encodeEmptyBlock, encodeFooter, footerBytes } from './table-file.ts';

/**
 * Bytes of tables that are checked when the database is opened: some 1.2 s of CPU time. A restart should not take much
 * longer than the disk takes to read this much (2 s at 500 MB/s).
 */
const tableCheckBytes = 1024 ** 3;

export interface TableOptions {
  /**
   * Accepts the loss of part of a damaged log, which LevelDB will drop, or of a table that is unusable as a whole. A
   * copy of the damaged files is kept first. All tables are checked. Called with the damage and the location of the
   * copy. Without this callback such a database is refused.
   */
  readonly acceptDamage?: (loss: LogError) => void;
  /**
   * Accepts a damaged block in a table. A copy of the table is kept, the block is emptied, and documents that may have
   * had records in it are refused. Called with the damage, and again at each later opening. Without this callback such
   * a database is refused, and nothing is changed.
   */
  readonly containDamage?: (loss: LogError) => void;
  /** No further table is checked beyond this many bytes. `tableCheckBytes` by default. */
  readonly maxCheckBytes?: number;
  /** Whether a damaged table is copied before it is changed. Default true; false for an image of a database. */
  readonly keepCopies?: boolean;
  /** Called if tables were not checked because of `maxCheckBytes`. */
  readonly leftUnchecked?: (unchecked: TablesCheck['unchecked']) => void;
}

/** Further damaged blocks are counted but not reported one by one. */
const maxReports = 20;
/** The smallest block that LevelDB reads as one without records. It holds only the number of its restart points. */
const emptyBlockBytes = 4;

/**
 * Checks the tables of a database that is not open, and makes damage harmless as far as the options allow. Returns the
 * ranges of lost keys. Rejects with LogError LOG_DAMAGED or LOG_UNREADABLE, with errors of the file system, and with
 * LevelDB's error if another process has the database open.
 */
export async function prepareTables(folder: string, options: TableOptions): Promise<LostRanges> {
  const { acceptDamage, maxCheckBytes = tableCheckBytes } = options;
  const lost = await LostRanges.load(folder);
  const maxBytes = acceptDamage === undefined ? maxCheckBytes : Infinity;
  const { damage, unchecked } = await checkTables(folder, { maxBytes });
  if (unchecked.tables > 0) options.leftUnchecked?.(unchecked);
  if (lost.all.length > 0) options.containDamage?.(lostBefore(folder, lost));
  if (damage.length === 0) return lost;
  return holdingLock(folder, async () => {
    // Another process may have removed tables during the check. The lock now excludes that, so damage that is found
    // again is real.
    const files = new Set(damage.map(({ file }) => file));
    const again = await checkTables(folder, { maxBytes: Infinity, files });
    return again.damage.length === 0 ? lost : contain(folder, again.damage, lost, options);
  });
}

async function contain(
  folder: string,
  damage: readonly TableDamage[],
  lost: LostRanges,
  { acceptDamage, containDamage, keepCopies = true }: TableOptions,
): Promise<LostRanges> {
  const worst = damage.find((found) => !isContainable(found));
  const report = worst === undefined ? (containDamage ?? acceptDamage) : acceptDamage;
  if (report === undefined) throw refused(folder, damage, worst);
  const ranges = damage.flatMap((found) => found.lost);
  const together = ranges.length === 0 ? lost : await lost.add(folder, ranges);
  for (const [file, ofFile] of byFile(damage)) {
    const kept = keepCopies ? await keepCopy(folder, file) : null;
    await replaceTable(folder, file, ofFile);
    for (const found of ofFile.slice(0, maxReports)) report(contained(folder, found, kept));
    if (ofFile.length > maxReports) report(severalMore(folder, file, ofFile.length - maxReports));
  }
  return together;
}

/** Whether documents can be served without the operator's consent. They cannot if the format record may be lost. */
function isContainable({ part, lost }: TableDamage): boolean {
  if (part === 'table') return false;
  return new LostRanges(lost).at(formatKey) === null;
}

function byFile(damage: readonly TableDamage[]): ReadonlyMap<string, readonly TableDamage[]> {
  const files = new Map<string, TableDamage[]>();
  for (const found of damage) files.set(found.file, [...(files.get(found.file) ?? []), found]);
  return files;
}

/** Copies a table to a name that LevelDB ignores. Returns the name; null if the file does not exist. */
async function keepCopy(folder: string, file: string): Promise<string | null> {
  const files = await readdir(folder);
  if (!files.includes(file)) return null;
  let name = `${file}.damaged`;
  for (let count = 2; files.includes(name); count += 1) name = `${file}.damaged-${count}`;
  await copyFile(join(folder, file), join(folder, name), constants.COPYFILE_EXCL);
  await syncPath(join(folder, name));
  return name;
}

/** Replaces a damaged table atomically and durably with one that has only intact blocks. */
async function replaceTable(folder: string, file: string, damage: readonly TableDamage[]): Promise<void> {
  const next = join(folder, `${file}.new`);
  // A start that was killed may have left this file behind.
  await rm(next, { force: true });
  const whole = damage.find(({ part }) => part === 'table');
  if (whole === undefined) await copyFile(join(folder, file), next, constants.COPYFILE_EXCL);
  const handle = await open(next, whole === undefined ? 'r+' : 'wx', 0o600);
  try {
    if (whole !== undefined) await writeEmptyTable(handle, whole.tableSize);
    else for (const found of damage) await replaceBlock(handle, found);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(next, join(folder, file));
  await syncPath(folder);
}

/** Gives a block the checksum of its contents, and empties it first if it cannot stay. */
async function replaceBlock(file: FileHandle, { block, canStay }: TableDamage): Promise<void> {
  if (!canStay) return writeAt(file, block.offset, encodeEmptyBlock(block.size));
  const contents = Buffer.alloc(block.size + 1);
  await file.read(contents, 0, contents.length, block.offset);
  await writeAt(file, block.offset + contents.length, encodeChecksum(contents));
}

/** A table without records, of the size that the MANIFEST gives. */
async function writeEmptyTable(file: FileHandle, size: number): Promise<void> {
  const block = encodeEmptyBlock(emptyBlockBytes);
  const start = size - footerBytes - 2 * block.length;
  const [metaindex, index] = [start, start + block.length].map((offset) => ({ offset, size: emptyBlockBytes }));
  const footer = encodeFooter(metaindex!, index!);
  await file.truncate(size);
  await writeAt(file, start, Buffer.concat([block, block, footer]));
}

async function writeAt(file: FileHandle, position: number, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length;)
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
}

function refused(folder: string, damage: readonly TableDamage[], worst: TableDamage | undefined): StorageFault {
  const { file, offset, reason, lost } = worst ?? damage[0]!;
  const count = damage.length - 1;
  const others =
    count === 0 ? '' : ` There ${count === 1 ? 'is 1 more damaged block' : `are ${count} more damaged blocks`}.`;
  const where = offset === 0 ? '' : ` at byte ${offset}`;
  const facts = { path: join(folder, file), where, reason, loss: lossOf(lost), others };
  return new StorageFault(worst === undefined ? 'damaged-block' : 'damaged-table', facts);
}

function contained(folder: string, damage: TableDamage, kept: string | null): LogError {
  const copy = kept === null ? '' : ` The damaged file is kept as ${join(folder, kept)}.`;
  return new LogError('LOG_DAMAGED', `${describe(folder, damage)}${copy}`);
}

function severalMore(folder: string, file: string, count: number): LogError {
  return new LogError('LOG_DAMAGED', `${join(folder, file)} has ${count} more damaged blocks.`);
}

function lostBefore(folder: string, { all }: LostRanges): LogError {
  const [first] = all;
  const more = all.length === 1 ? '' : ` and ${all.length - 1} more`;
  const text = `Records were lost at an earlier start (${first!.file} at byte ${first!.offset}${more}).`;
  return new LogError(
    'LOG_DAMAGED',
    `${text} Documents that may have lost records are refused until ${folder} is restored from a backup.`,
  );
}

function describe(folder: string, { file, offset, reason, lost }: TableDamage): string {
  const where = offset === 0 ? '' : ` at byte ${offset}`;
  return `${join(folder, file)} is damaged${where}: ${reason}. ${lossOf(lost)}`;
}

function lossOf([range]: TableDamage['lost']): string {
  if (range === undefined) return 'Nothing is lost.';
  return `Records of ${describeDocuments(range)} cannot be read. Documents that may have records there are refused.`;
}
