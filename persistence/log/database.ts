import { Level } from 'level';
import { copyFile, mkdir, open, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LogError } from '../errors.ts';
import { prepareTables, type TableOptions } from './containment.ts';
import { syncPath } from './durable-files.ts';
import { formatKey } from './keys.ts';
import { type LevelDatabase, LevelStore } from './level-store.ts';
import { LostRanges } from './lost-ranges.ts';
import { BadRecordError, type Format, isSealed, sealFormat, unsealFormat } from './records.ts';
import { checkRecovery, type FileDamage } from './recovery-check.ts';

/** Grows when an older version could no longer read, or would spoil, what a newer one writes. */
const formatVersion = 1;
const program = 'quire';
/**
 * Lies in the folder from before the database is created until its format record is on disk. A first start that was
 * killed in between is recognized by it, and can be repeated: nothing was stored yet.
 */
const creatingMark = 'CREATING';

export interface OpenDatabaseOptions extends TableOptions {
  readonly mayCreate: boolean;
}

/**
 * Opens the database in a folder. With `mayCreate` it is created if the folder is missing or empty, and only then:
 * LevelDB takes a folder whose CURRENT file is missing for a new one and deletes everything in it.
 *
 * A database that LevelDB could only open by dropping records that were complete is refused, and nothing in the folder
 * changes. The end of a log that a crash has torn is no reason. LevelDB never reads a block of a table that is known to be
 * damaged.
 *
 * Rejects with LogError LOG_LOCKED, LOG_TOO_NEW, LOG_NOT_WRITABLE, LOG_NOT_OURS, LOG_DAMAGED or LOG_UNREADABLE.
 */
export async function openDatabase(folder: string, options: OpenDatabaseOptions): Promise<LevelStore> {
  const files = await filesIn(folder, options.mayCreate);
  const exists = files.includes('CURRENT');
  const creating = options.mayCreate && !exists && files.every((file) => isDebris(file, files));
  if (!exists && !creating) throw notOurs(folder);
  if (creating) await guard(folder, () => writeMark(folder));
  // With the mark of a first start nothing is stored yet that could be lost.
  const isNew = creating || files.includes(creatingMark);
  if (!isNew) await guard(folder, () => refuseDamage(folder, options));
  const lost = await guard(folder, () => (isNew ? LostRanges.load(folder) : prepareTables(folder, options)));
  const database: LevelDatabase = new Level(folder, {
    keyEncoding: 'view',
    valueEncoding: 'view',
    createIfMissing: creating,
  });
  await guard(folder, () => database.open());
  try {
    await guard(folder, () => checkFormat(folder, database, { isNew, isLost: lost.at(formatKey) !== null }));
    if (isNew) await guard(folder, () => removeMark(folder));
    return new LevelStore(database, lost);
  } catch (error) {
    await database.close();
    throw error;
  }
}

async function filesIn(folder: string, create: boolean): Promise<readonly string[]> {
  if (create) await guard(folder, () => makeFolder(folder));
  return guard(folder, () => readdir(folder));
}

async function makeFolder(folder: string): Promise<void> {
  // Nobody else on this machine needs to read what people write.
  const mode = 0o700;
  try {
    await mkdir(folder, { recursive: true, mode });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // Node says so of a read-only file system, if it is asked for parents too; without, it names the cause.
    await mkdir(folder, { mode });
  }
}

/** Whether a first start that was killed may have left this file behind. */
function isDebris(file: string, files: readonly string[]): boolean {
  return files.includes(creatingMark) && !file.endsWith('.ldb') && !file.endsWith('.sst');
}

async function refuseDamage(folder: string, { acceptDamage }: OpenDatabaseOptions): Promise<void> {
  const { damage } = await checkRecovery(folder);
  if (damage === null) return;
  const isLog = damage.file.endsWith('.log');
  if (!isLog || acceptDamage === undefined) throw damagedFile(folder, damage, isLog);
  const copy = await keepCopy(folder);
  const text = `${describe(folder, damage)} It was opened as asked; what LevelDB recovered from is kept in ${copy}.`;
  acceptDamage(new LogError('LOG_DAMAGED', text));
}

/** Copies what LevelDB recovers from, and deletes afterwards, into a folder beside the database. */
async function keepCopy(folder: string): Promise<string> {
  const copy = `${folder}-damaged-${new Date().toISOString().replaceAll(':', '-')}`;
  await mkdir(copy, { mode: 0o700 });
  for (const file of await readdir(folder)) {
    if (!/^(\d+\.log|MANIFEST-\d+|CURRENT|LOG)$/.test(file)) continue;
    await copyFile(join(folder, file), join(copy, file));
    await syncPath(join(copy, file));
  }
  await syncPath(copy);
  await syncPath(dirname(copy));
  return copy;
}

/** With `isLost` the operator has accepted that the format record was in a damaged part of a table: it is written again. */
async function checkFormat(
  folder: string,
  database: LevelDatabase,
  { isNew, isLost }: { readonly isNew: boolean; readonly isLost: boolean },
): Promise<void> {
  const value = await database.get(formatKey);
  const isWritten = value !== undefined && !(isLost && !isSealed(formatKey, value));
  if (!isWritten) {
    const isEmpty = isNew && (await database.keys({ limit: 1 }).all()).length === 0;
    if (!isEmpty && !isLost) throw notOurs(folder);
    await database.put(formatKey, sealFormat(formatKey, { program, version: formatVersion }), { sync: true });
    return;
  }
  const format = readFormat(folder, value);
  if (format.version > formatVersion) {
    throw new LogError(
      'LOG_TOO_NEW',
      `The database in ${folder} has format ${format.version}, this version of Quire knows formats up to ${formatVersion}. ` +
        'Start the newer version that has written it.',
    );
  }
}

function readFormat(folder: string, value: Uint8Array): Format {
  try {
    const format = unsealFormat(formatKey, value);
    if (format.program === program) return format;
  } catch (cause) {
    if (!(cause instanceof BadRecordError)) throw cause;
    throw damaged(folder, cause);
  }
  throw notOurs(folder);
}

async function writeMark(folder: string): Promise<void> {
  const mark = await open(join(folder, creatingMark), 'w', 0o600);
  try {
    await mark.sync();
  } finally {
    await mark.close();
  }
  await syncPath(folder);
}

/** On disk before anything is stored: a mark that comes back later would say that there is nothing to lose. */
async function removeMark(folder: string): Promise<void> {
  await rm(join(folder, creatingMark), { force: true });
  await syncPath(folder);
}

/** Turns what the file system and LevelDB say into what the person at the command line can do about it. */
async function guard<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw cause instanceof LogError ? cause : translated(folder, cause);
  }
}

function translated(folder: string, cause: unknown): LogError {
  // `level` wraps the reason when opening fails.
  const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const { code, message } = reason as NodeJS.ErrnoException;
  if (code === 'LEVEL_LOCKED') {
    const text = `Another process uses the database in ${folder}. Stop it, or choose another folder.`;
    return new LogError('LOG_LOCKED', text, { cause });
  }
  if (code === 'LEVEL_CORRUPTION') return damaged(folder, cause);
  const text = `Cannot use the folder ${folder} (${message}). It must exist or be creatable, be writable, and not full.`;
  return new LogError('LOG_NOT_WRITABLE', text, { cause });
}

function damaged(folder: string, cause: unknown): LogError {
  const text = `The database in ${folder} is damaged as a whole. Restore a backup; nothing was changed.`;
  return new LogError('LOG_DAMAGED', text, { cause });
}

function damagedFile(folder: string, damage: FileDamage, isLog: boolean): LogError {
  const advice = isLog
    ? 'Restore a backup. To start with what is left, set --accept-damaged-log: a copy of the log is kept beside the database.'
    : 'Restore a backup.';
  return new LogError('LOG_DAMAGED', `${describe(folder, damage)} Nothing was changed. ${advice}`);
}

function describe(folder: string, { file, offset, reason, laterRecords }: FileDamage): string {
  const where = offset === 0 ? '' : ` at byte ${offset}`;
  const later = laterRecords === 1 ? '1 later batch' : `${laterRecords} later batches`;
  const risk = laterRecords === 0 ? 'Saved edits are lost' : `Saved edits are lost, and ${later} of edits may be too`;
  return `${join(folder, file)} is damaged${where}: ${reason}. ${risk} if LevelDB opens it.`;
}

function notOurs(folder: string): LogError {
  return new LogError(
    'LOG_NOT_OURS',
    `The folder ${folder} holds files, but no database of Quire (or one whose CURRENT file is missing). ` +
      'Nothing is created over them: choose an empty folder, or restore a backup.',
  );
}
