import { Level } from 'level';
import { constants } from 'node:fs';
import { copyFile, mkdir, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LogError } from '../errors.ts';
import { prepareTables } from './recovery/containment.ts';
import type { TableOptions } from './recovery/containment.ts';
import { syncPath } from './durable-files.ts';
import { faultOf } from './file-errors.ts';
import { formatKey } from '../engine/keys.ts';
import { LevelStore } from './level-store.ts';
import type { LevelDatabase } from './level-store.ts';
import { LostRanges } from './recovery/lost-ranges.ts';
import { BadRecordError, isSealed, sealFormat, unsealFormat } from '../engine/records.ts';
import type { Format } from '../engine/records.ts';
import { checkRecovery } from './recovery/recovery-check.ts';
import type { FileDamage } from './recovery/recovery-check.ts';
import { StorageFault } from './storage-faults.ts';
import type { FaultFacts } from './storage-faults.ts';

/** Raised when an older version could not read, or would damage, the data that a newer version writes. */
const formatVersion = 1;
const program = 'quire';
/**
 * A file that is in the folder from before the database is created until its format record is on disk. It identifies a
 * first start that was killed in between. Such a start can be repeated because nothing was stored yet.
 */
const creatingMark = 'CREATING';

export interface OpenDatabaseOptions extends TableOptions {
  readonly mayCreate: boolean;
}

/**
 * Opens the database in a folder. With `mayCreate`, creates it if the folder is missing or empty, and only then:
 * LevelDB takes a folder without a CURRENT file for a new database and deletes everything in it.
 *
 * Refuses a database that LevelDB could only open by dropping complete records; the folder is then left unchanged. A
 * log with an end torn by a crash is accepted. LevelDB never reads a table block that is known to be damaged.
 *
 * Rejects with LogError LOG_LOCKED, LOG_TOO_NEW, LOG_NOT_WRITABLE, LOG_NOT_OURS, LOG_DAMAGED or LOG_UNREADABLE.
 */
export async function openDatabase(folder: string, options: OpenDatabaseOptions): Promise<LevelStore> {
  const files = await filesIn(folder, options.mayCreate);
  const exists = files.includes('CURRENT');
  const creating = options.mayCreate && !exists && files.every((file) => isDebris(file, files));
  if (!exists && !creating) throw notOurs(folder, files);
  if (creating) await guard(folder, () => writeMark(folder));
  // With the mark of a first start, nothing has been stored that could be lost.
  const isNew = creating || files.includes(creatingMark);
  if (!isNew) await guard(folder, () => refuseDamage(folder, folder, options));
  const lost = await guard(folder, () => (isNew ? LostRanges.load(folder) : prepareTables(folder, options)));
  return openLevel({ files: folder, named: folder, creating, isNew, lost });
}

/** The kind of content in a folder, judged by its file names. */
type FolderContent = 'nothing' | 'unfinished' | 'database';

/** Judges a folder by its file names. Throws StorageFault if it holds anything other than a database. */
export function contentOf(folder: string, files: readonly string[]): FolderContent {
  if (files.includes('CURRENT')) return files.includes(creatingMark) ? 'unfinished' : 'database';
  if (!files.every((file) => isDebris(file, files))) throw notOurs(folder, files);
  return files.length === 0 ? 'nothing' : 'unfinished';
}

/**
 * Opens an image of a database (`DatabaseImage`). Opening changes the image. Errors name the folder of the database.
 * Rejects with LogError as `openDatabase` does.
 */
export async function openImage(image: string, folder: string, options: TableOptions): Promise<LevelStore> {
  const { containDamage } = options;
  const lost = await guard(folder, async () => {
    await refuseDamage(image, folder, {});
    return prepareTables(image, {
      ...options,
      keepCopies: false,
      ...(containDamage && { containDamage: (loss) => containDamage(renamed(loss, image, folder)) }),
    });
  }).catch((error: unknown) => {
    throw renamed(error as LogError, image, folder);
  });
  return openLevel({ files: image, named: folder, creating: false, isNew: false, lost });
}

/** The same error with the folder of the database in place of its image. */
function renamed(error: LogError, image: string, folder: string): LogError {
  if (!(error instanceof StorageFault)) {
    return new LogError(error.code, error.message.replaceAll(image, folder), { cause: error.cause });
  }
  const facts: FaultFacts = Object.fromEntries(
    Object.entries(error.facts).map(([name, fact]) => [
      name,
      typeof fact === 'string' ? fact.replaceAll(image, folder) : fact,
    ]),
  );
  return new StorageFault(error.fault, facts, { cause: error.cause });
}

interface Opening {
  /** The folder that holds the files. */
  readonly files: string;
  /** The folder that errors name. */
  readonly named: string;
  readonly creating: boolean;
  readonly isNew: boolean;
  readonly lost: LostRanges;
}

async function openLevel({ files, named, creating, isNew, lost }: Opening): Promise<LevelStore> {
  const database: LevelDatabase = new Level(files, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: creating,
  });
  try {
    await database.open();
    await checkFormat(named, database, { isNew, isLost: lost.at(formatKey) !== null });
    if (isNew) await removeMark(files);
    return new LevelStore(database, lost);
  } catch (error) {
    await database.close();
    throw await faultOf(named, error, files);
  }
}

async function filesIn(folder: string, create: boolean): Promise<readonly string[]> {
  if (create) await guard(folder, () => makeFolder(folder));
  return guard(folder, () => readdir(folder));
}

async function makeFolder(folder: string): Promise<void> {
  // Other users of this machine have no need to read the documents.
  const mode = 0o700;
  try {
    await mkdir(folder, { recursive: true, mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // With `recursive`, Node reports a read-only file system as ENOENT; without it, Node names the cause.
    await mkdir(folder, { mode });
  }
}

/** Whether the file may be left over from a first start that was killed. */
function isDebris(file: string, files: readonly string[]): boolean {
  return files.includes(creatingMark) && !file.endsWith('.ldb') && !file.endsWith('.sst');
}

async function refuseDamage(
  files: string,
  named: string,
  { acceptDamage }: Pick<OpenDatabaseOptions, 'acceptDamage'>,
): Promise<void> {
  const { damage } = await checkRecovery(files);
  if (damage === null) return;
  const fault = damagedFile(named, damage);
  if (fault.fault !== 'damaged-log' || acceptDamage === undefined) throw fault;
  const copy = await keepCopy(files);
  const text = `${fault.sentence.replace(' Nothing was changed.', '')} It was opened because damage is accepted; the files that LevelDB recovered from are kept in ${copy}.`;
  acceptDamage(new LogError('LOG_DAMAGED', text));
}

/** Copies the files that LevelDB recovers from, and later deletes, into a folder beside the database. */
async function keepCopy(folder: string): Promise<string> {
  const copy = `${folder}-damaged-${new Date().toISOString().replaceAll(':', '-')}`;
  await mkdir(copy, { mode: 0o700 });
  for (const file of await readdir(folder)) {
    if (!/^(\d+\.log|MANIFEST-\d+|CURRENT|LOG)$/.test(file)) continue;
    await copyFile(join(folder, file), join(copy, file), constants.COPYFILE_EXCL);
    await syncPath(join(copy, file));
  }
  await syncPath(copy);
  await syncPath(dirname(copy));
  return copy;
}

/**
 * With `isLost` the operator has accepted that the format record was in a damaged part of a table. It is written again.
 */
async function checkFormat(
  folder: string,
  database: LevelDatabase,
  { isNew, isLost }: { readonly isNew: boolean; readonly isLost: boolean },
): Promise<void> {
  const value = await database.get(formatKey);
  const isWritten = value !== undefined && !(isLost && !isSealed(formatKey, value));
  if (!isWritten) {
    const isEmpty = isNew && (await database.keys({ limit: 1 }).all()).length === 0;
    if (!isEmpty && !isLost) throw new StorageFault('not-ours', { folder });
    await database.put(formatKey, sealFormat(formatKey, { program, version: formatVersion }), { sync: true });
    return;
  }
  const format = readFormat(folder, value);
  if (format.version > formatVersion) {
    throw new StorageFault('too-new', { folder, format: format.version, known: formatVersion });
  }
}

function readFormat(folder: string, value: Uint8Array): Format {
  try {
    const format = unsealFormat(formatKey, value);
    if (format.program === program) return format;
  } catch (cause) {
    if (!(cause instanceof BadRecordError)) throw cause;
    throw new StorageFault('damaged', { folder, reason: 'its format record is corrupt' }, { cause });
  }
  throw new StorageFault('not-ours', { folder });
}

async function writeMark(folder: string): Promise<void> {
  // Do not follow a link that another user has put there.
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW;
  const mark = await open(join(folder, creatingMark), flags, 0o600);
  try {
    await mark.sync();
  } finally {
    await mark.close();
  }
  await syncPath(folder);
}

/**
 * Removes the mark durably before anything is stored: a mark that a crash brings back would say that there is nothing
 * to lose.
 */
async function removeMark(folder: string): Promise<void> {
  await rm(join(folder, creatingMark), { force: true });
  await syncPath(folder);
}

/** Turns errors of the file system into faults that name the cause for the operator. */
async function guard<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw await faultOf(folder, cause);
  }
}

function damagedFile(folder: string, { file, offset, reason, laterRecords }: FileDamage): StorageFault {
  const path = join(folder, file);
  const where = offset === 0 ? '' : ` at byte ${offset}`;
  if (!file.endsWith('.log')) return new StorageFault('damaged-list', { path, where, reason });
  const later = laterRecords === 1 ? '1 later batch' : `${laterRecords} later batches`;
  const risk = laterRecords === 0 ? 'Saved edits are lost' : `Saved edits are lost, and ${later} of edits may be too`;
  return new StorageFault('damaged-log', { path, where, reason, risk });
}

function notOurs(folder: string, files: readonly string[]): StorageFault {
  const isDatabase = files.some((file) => /^(MANIFEST-\d+|\d+\.(log|ldb|sst))$/.test(file));
  return new StorageFault(isDatabase ? 'no-current' : 'not-ours', { folder });
}
