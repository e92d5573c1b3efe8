/**
 * An image of a database: a copy of its files at one moment, in another folder, for inspection. LevelDB changes every
 * database it opens, so the original can only be inspected through an image. A server may run or start meanwhile.
 */
import { statSync } from 'node:fs';
import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { LogError } from '../errors.ts';
import { lostRangesFile } from './recovery/lost-ranges.ts';
import { openRegularFile, readIfThere, readRegularFile } from './regular-file.ts';
import { readFileList, tableNames } from './recovery/recovery-check.ts';
import type { FileList } from './recovery/recovery-check.ts';

export interface ImageOptions {
  /** How many tables may be held open. Other tables are linked by name, and a server may delete these. */
  readonly maxHeldTables: number;
}

/** How often the image is restarted because a server has changed the list of files meanwhile. */
const maxAttempts = 10;
/** LevelDB opens tables through the descriptors that this process holds, even after the file has been deleted. */
const descriptors = '/proc/self/fd';
/** More than LevelDB can use before its first compaction has failed. */
const blockedTables = 16;

export class DatabaseImage {
  readonly folder: string;
  readonly #held: readonly FileHandle[];

  /**
   * Takes an image of the database in `source` into the empty folder `folder`. Small files are copied. Tables, which
   * never change, are only linked, even across file systems. In `source` nothing is written, locked or hard-linked.
   *
   * A missing table is left out and a damaged list of files is copied as it is; opening the image reports both. Rejects
   * with ImagePlaceError if `folder` cannot be written to, with DatabaseChangingError if a server changes the list of
   * files during every attempt, and with errors of the file system for `source`.
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
   * Keeps LevelDB from rewriting tables, which could copy the whole database. It starts to do so when it opens or reads
   * them. Call it once the image is open. LevelDB cannot create a table under the name of an existing folder, and stops
   * trying.
   */
  async preventCompaction(): Promise<void> {
    const numbers = (await readdir(this.folder)).map((file) => Number.parseInt(file.replace('MANIFEST-', ''), 10));
    const last = Math.max(0, ...numbers.filter((number) => !Number.isNaN(number)));
    for (let number = last + 1; number <= last + blockedTables; number += 1) {
      const made = mkdir(join(this.folder, tableNames(number)[0]));
      // LevelDB has created this table already. The following ones are blocked.
      await made.catch(() => undefined);
    }
  }

  /** Closes the tables. The files of the image remain until the caller removes their folder. */
  async close(): Promise<void> {
    await Promise.all(this.#held.map((file) => file.close()));
  }
}

/** A server changed the list of files while the image was being taken. */
export class DatabaseChangingError extends Error {
  override readonly name = 'DatabaseChangingError';

  constructor(folder: string) {
    super(`The list of files in ${folder} has changed`);
  }
}

/** The image cannot be written. The error of a write does not name the file. */
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

/** Opens the tables and returns the link target of each by its name. */
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

/** Copies the logs in the order of their numbers: a log is complete when the next one exists. */
async function copyLogs(source: string, { logs, firstLog }: FileList): Promise<ReadonlyMap<string, Uint8Array>> {
  const copies = new Map<string, Uint8Array>();
  for (const [number, name] of [...logs].sort(([a], [b]) => a - b)) {
    if (number >= firstLog) copies.set(name, await readRegularFile(join(source, name)));
  }
  // Without this file, records that are known to be lost would look as if they had never existed.
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
