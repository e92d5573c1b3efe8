/** Finds damage in the tables of a database before LevelDB reads them, because LevelDB may abort the process on it. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LogError } from '../../errors.ts';
import { faultOf, readFileError } from '../file-errors.ts';
import type { LostRange } from './lost-ranges.ts';
import type { TableEntry } from './manifest.ts';
import { readFileList, tableNames } from './recovery-check.ts';
import { StorageFault } from '../storage-faults.ts';
import { checkTable, wholeTable } from './table-file.ts';
import type { BadBlock } from './table-file.ts';

/** A damaged part of a table. */
export interface TableDamage extends BadBlock {
  readonly file: string;
  readonly tableSize: number;
  readonly lost: readonly LostRange[];
}

export interface TablesCheck {
  readonly damage: readonly TableDamage[];
  /** Tables that were skipped because of `maxBytes`, and their size. */
  readonly unchecked: { readonly tables: number; readonly bytes: number };
}

export interface CheckTablesOptions {
  /**
   * No further table is checked beyond this many bytes. Half of them go to the newest tables, which a power cut is most
   * likely to have damaged, and the rest to random others, so that several starts together check a large database.
   */
  readonly maxBytes: number;
  /** Restricts the check to these tables. By default all are checked. */
  readonly files?: ReadonlySet<string>;
}

/**
 * Checks the tables that the MANIFEST names. Changes nothing. If another process has the database open, it may remove
 * tables meanwhile, which are then reported as missing. Rejects with StorageFault if a table cannot be read, and with
 * LogError LOG_DAMAGED if the MANIFEST is damaged.
 */
export async function checkTables(folder: string, { maxBytes, files }: CheckTablesOptions): Promise<TablesCheck> {
  const present = await readdir(folder);
  const { tables, damage: manifestDamage } = await readFileList(folder);
  if (manifestDamage !== null) {
    throw new LogError('LOG_DAMAGED', `${join(folder, manifestDamage.file)} is damaged: ${manifestDamage.reason}.`);
  }
  const damage: TableDamage[] = [];
  let leftBytes = maxBytes;
  const unchecked = { tables: 0, bytes: 0 };
  for (const table of inOrder([...tables.values()], maxBytes / 2)) {
    const file = fileOf(table, present);
    if (files?.has(file) === false) continue;
    if (leftBytes <= 0) {
      unchecked.tables += 1;
      unchecked.bytes += table.size;
      continue;
    }
    leftBytes -= table.size;
    for (const bad of await check(join(folder, file), table)) {
      const lost = bad.lost.map((range) => ({ ...range, file, offset: bad.offset }));
      damage.push({ ...bad, file, tableSize: table.size, lost });
    }
  }
  return { damage, unchecked };
}

/** The newest tables up to this many bytes, then the others in random order. */
function inOrder(tables: readonly TableEntry[], newestBytes: number): readonly TableEntry[] {
  const sorted = tables.toSorted((a, b) => b.number - a.number);
  let bytes = 0;
  const last = sorted.findIndex(({ size }) => (bytes += size) >= newestBytes);
  if (last < 0) return sorted;
  const end = last + 1;
  const others = sorted.slice(end).map((table) => ({ table, place: Math.random() }));
  return [...sorted.slice(0, end), ...others.toSorted((a, b) => a.place - b.place).map(({ table }) => table)];
}

/** The file of a table. LevelDB still opens tables under the former name `.sst`. */
function fileOf({ number }: TableEntry, files: readonly string[]): string {
  const [name, oldName] = tableNames(number);
  return !files.includes(name) && files.includes(oldName) ? oldName : name;
}

async function check(path: string, table: TableEntry): Promise<readonly BadBlock[]> {
  try {
    return await checkTable(path, table);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [wholeTable(table, 0, 'it is missing')];
    throw await unreadable(path, cause);
  }
}

/**
 * The error for a table that cannot be read. LevelDB maps tables into memory, where a read error kills the process, so
 * the database is not opened.
 */
async function unreadable(path: string, cause: unknown): Promise<LogError> {
  const fault = await faultOf(path, cause);
  if (fault instanceof StorageFault && fault.fault !== 'unusable') return fault;
  return new StorageFault('disk-error', { path, reason: readFileError(cause).reason }, { cause });
}
