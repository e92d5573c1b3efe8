/**
 * An image of a database: its files as they are at one moment, in another folder, for looking at them. LevelDB changes
 * whatever it opens, so only an image can be opened without changing the database. A server may run, or start, meanwhile.
 */
import { statSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { LogError } from '../errors.ts';
import { lostRangesFile } from './recovery/lost-ranges.ts';
import { openRegularFile, readIfThere, readRegularFile } from './regular-file.ts';
import { type FileList, readFileList, tableNames } from './recovery/recovery-check.ts';

export interface ImageOptions {
  /** How many tables may be held open. Others are linked by their names, which a server may delete. */
  readonly maxHeldTables: number;
}

/** How often the image is begun again because a server has changed the list of files meanwhile. */
const maxAttempts = 10;
/** LevelDB opens these through the descriptors that this process holds, also when the file has been deleted. */
const descriptors = '/proc/self/fd';
/** More than LevelDB can need until its first compaction has failed. */
const blockedTables = 16;

export class DatabaseImage {
  readonly folder: string;
  readonly #held: readonly FileHandle[];

  /**
   * Takes an image of the database in `source` into `folder`, which is empty. Small files are copied; tables, which never
   * change, are only linked, also from another file system. Nothing in `source` is written, locked or linked to.
   *
   * A missing table is left out, and a list of files that is damaged is copied as it is: opening the image says so.
   * Rejects with ImagePlaceError if `folder` cannot be written to, with DatabaseChangingError if a server changes the list
   * of files each time, and with errors of the file system for `source`.
   */
  static async take(source: string, folder: string, { maxHeldTables }: ImageOptions): Promise<DatabaseImage> {
    for (let attempt = 1; ; attempt += 1) {
      const list = await readFileList(source);
      const held: FileHandle[] = [];
      try {
        const links = await linkTables(source, list, held, maxHeldTables);
        const copies = await copyLogs(source, list);
        if (!(await isUnchanged(source, list))) throw new DatabaseChangingError(source);
        await write(folder, list, links, copies).catch((cause: unknown) => {
          throw new ImagePlaceError(folder, cause);
        });
        return new DatabaseImage(folder, held);
      } catch (error) {
        await Promise.all(held.map((file) => file.close()));
        if (attempt >= maxAttempts || !(await mayHaveChanged(source, list, error))) throw error;
      }
    }
  }

  private constructor(folder: string, held: readonly FileHandle[]) {
    this.folder = folder;
    this.#held = held;
  }

  /**
   * Keeps LevelDB from rewriting tables, which it begins when it opens or reads them: that could copy the whole database.
   * To be called when the image is open. LevelDB cannot create the table of a number that a folder has, and gives up.
   */
  async preventCompaction(): Promise<void> {
    const numbers = (await readdir(this.folder)).map((file) => Number.parseInt(file.replace('MANIFEST-', ''), 10));
    const last = Math.max(0, ...numbers.filter((number) => !Number.isNaN(number)));
    for (let number = last + 1; number <= last + blockedTables; number += 1) {
      const made = mkdir(join(this.folder, tableNames(number)[0]));
      // LevelDB was faster; its next table is blocked.
      await made.catch(() => undefined);
    }
  }

  /** Closes the tables. The files of the image stay until their folder is removed. */
  async close(): Promise<void> {
    await Promise.all(this.#held.map((file) => file.close()));
  }
}

/** A server has changed the list of files while the image was taken. */
export class DatabaseChangingError extends Error {
  override readonly name = 'DatabaseChangingError';

  constructor(folder: string) {
    super(`The list of files in ${folder} has changed`);
  }
}

/** The image cannot be written. An error of a write does not name the file. */
export class ImagePlaceError extends Error {
  override readonly name = 'ImagePlaceError';

  constructor(folder: string, cause: unknown) {
    super(`No image can be made in ${folder}`, { cause });
  }
}

async function mayHaveChanged(source: string, list: FileList, error: unknown): Promise<boolean> {
  if (error instanceof ImagePlaceError) return false;
  return error instanceof DatabaseChangingError || (!(error instanceof LogError) && !(await isUnchanged(source, list)));
}

async function isUnchanged(source: string, before: FileList): Promise<boolean> {
  const now = await readFileList(source).catch(() => null);
  if (now === null || now.current !== before.current) return false;
  return Buffer.compare(now.manifestBytes ?? Buffer.of(), before.manifestBytes ?? Buffer.of()) === 0;
}

/** Where the link of each table leads to, by its name. */
async function linkTables(
  source: string,
  { tables }: FileList,
  held: FileHandle[],
  maxHeld: number,
): Promise<ReadonlyMap<string, string>> {
  const links = new Map<string, string>();
  const canHold = isFolder(descriptors);
  for (const number of tables.keys()) {
    for (const name of tableNames(number)) {
      const path = join(source, name);
      const file = await openRegularFile(path).catch((error: unknown) => {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw error;
      });
      if (file === null) continue;
      const holds = canHold && held.length < maxHeld;
      if (holds) held.push(file);
      links.set(name, holds ? join(descriptors, String(file.fd)) : path);
      if (!holds) await file.close();
      break;
    }
  }
  return links;
}

/** In the order of their numbers: a log is complete when the next one exists. */
async function copyLogs(source: string, { logs, firstLog }: FileList): Promise<ReadonlyMap<string, Uint8Array>> {
  const copies = new Map<string, Uint8Array>();
  for (const [number, name] of [...logs].sort(([a], [b]) => a - b)) {
    if (number >= firstLog) copies.set(name, await readRegularFile(join(source, name)));
  }
  // Without it, records that are known to be lost would look as if they had never been there.
  const lost = await readIfThere(join(source, lostRangesFile));
  if (lost !== null) copies.set(lostRangesFile, lost);
  return copies;
}

async function write(
  folder: string,
  { current, manifest, manifestBytes }: FileList,
  links: ReadonlyMap<string, string>,
  copies: ReadonlyMap<string, Uint8Array>,
): Promise<void> {
  const create = (name: string, bytes: Uint8Array): Promise<void> =>
    writeFile(join(folder, name), bytes, { flag: 'wx', mode: 0o600 });
  await create('CURRENT', Buffer.from(current, 'latin1'));
  if (manifestBytes !== null) await create(manifest, manifestBytes);
  for (const [name, bytes] of copies) await create(name, bytes);
  for (const [name, target] of links) await symlink(target, join(folder, name));
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
