/**
 * Finds the losses that LevelDB would not report when it opens a database: records of its write-ahead logs (`.log`)
 * after a damaged one, a missing log, the end of a damaged MANIFEST. `classic-level` does not offer LevelDB's
 * `paranoid_checks`, which finds some of these. Must run before every opening, because opening deletes the logs.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { asBuffer } from '../../engine/keys.ts';
import { ManifestReader } from './manifest.ts';
import type { TableEntry } from './manifest.ts';
import { checkRecordFile } from './record-file.ts';
import type { Damage, RecordCheck } from './record-file.ts';
import { readIfThere, readRegularFile } from '../regular-file.ts';

export interface FileDamage extends Damage {
  readonly file: string;
}

interface RecoveryCheck {
  readonly damage: FileDamage | null;
  /** A log ends in an incomplete record, which is normal after a crash. That record was never acknowledged. */
  readonly isTorn: boolean;
}

/**
 * Reads the files that LevelDB recovers from: CURRENT, the MANIFEST, and the logs that are not obsolete, some 4 MB.
 * Changes nothing. Rejects with the errors of reading a file.
 */
export async function checkRecovery(folder: string): Promise<RecoveryCheck> {
  const check = await lookOnce(folder);
  // Another process may have replaced files between two reads. Only damage that is still there counts.
  return check.damage === null ? check : lookOnce(folder);
}

async function lookOnce(folder: string): Promise<RecoveryCheck> {
  const list = await readFileList(folder);
  if (list.damage !== null) return { damage: list.damage, isTorn: false };
  return checkLogs(folder, list.logs, list.firstLog);
}

/** The files that make up a database according to CURRENT and the MANIFEST. */
export interface FileList {
  /** Damage to CURRENT or the MANIFEST; the list is then incomplete. Null if both are intact. */
  readonly damage: FileDamage | null;
  /** The content of CURRENT. */
  readonly current: string;
  /** The name of the MANIFEST file; empty if CURRENT does not name one. */
  readonly manifest: string;
  /** Null if the file does not exist. */
  readonly manifestBytes: Uint8Array | null;
  /** All `.log` files by number. */
  readonly logs: ReadonlyMap<number, string>;
  /** Logs with a smaller number are obsolete. */
  readonly firstLog: number;
  /** Tables by number. */
  readonly tables: ReadonlyMap<number, TableEntry>;
}

/** Reads which files make up the database. Changes nothing. Rejects with the errors of reading a file. */
export async function readFileList(folder: string): Promise<FileList> {
  const current = Buffer.from(await readRegularFile(join(folder, 'CURRENT'))).toString('latin1');
  const [, manifest = ''] = /^(MANIFEST-\d+)\n$/.exec(current) ?? [];
  const reader = new ManifestReader();
  const manifestBytes = manifest === '' ? null : await readIfThere(join(folder, manifest));
  const damage = await checkManifest(manifest, manifestBytes, reader);
  return {
    damage,
    current,
    manifest,
    manifestBytes,
    // Read after the MANIFEST, because the log it names existed before it.
    logs: logsOf(await readdir(folder)),
    firstLog: reader.logNumber,
    tables: reader.tables,
  };
}

async function checkManifest(
  file: string,
  bytes: Uint8Array | null,
  reader: ManifestReader,
): Promise<FileDamage | null> {
  if (file === '') return wholeFile('CURRENT', 'it does not name a MANIFEST file');
  if (bytes === null) return wholeFile(file, 'it is missing');
  if (bytes.length === 0) return wholeFile(file, 'it is empty');
  const { damage } = await checkRecordFile(bytes, manifestCheck(reader));
  return damage === null ? null : { file, ...damage };
}

/** LevelDB reads tables under either name; the second was used before 2013. */
export function tableNames(number: number): readonly [string, string] {
  const name = String(number).padStart(6, '0');
  return [`${name}.ldb`, `${name}.sst`];
}

async function checkLogs(
  folder: string,
  logs: ReadonlyMap<number, string>,
  firstNumber: number,
): Promise<RecoveryCheck> {
  if (firstNumber > 0 && !logs.has(firstNumber)) {
    return { damage: wholeFile(`${String(firstNumber).padStart(6, '0')}.log`, 'it is missing'), isTorn: false };
  }
  const check = new LogCheck();
  let wasTorn = false;
  for (const number of [...logs.keys()].sort((a, b) => a - b)) {
    if (number < firstNumber) continue;
    const file = logs.get(number)!;
    const bytes = await readRegularFile(join(folder, file));
    check.maxGap = bytes.length;
    const { damage, isTorn } = await checkRecordFile(bytes, check);
    if (damage !== null) return { damage: { file, ...damage }, isTorn: false };
    wasTorn ||= isTorn;
  }
  return { damage: null, isTorn: wasTorn };
}

function logsOf(files: readonly string[]): ReadonlyMap<number, string> {
  const logs = new Map<number, string>();
  for (const file of files) {
    const [, number] = /^(\d+)\.log$/.exec(file) ?? [];
    if (number !== undefined) logs.set(Number(number), file);
  }
  return logs;
}

/** Reports damage to a file as a whole. */
function wholeFile(file: string, reason: string): FileDamage {
  return { file, offset: 0, reason, laterRecords: 0 };
}

function manifestCheck(reader: ManifestReader): RecordCheck {
  return {
    record(edit) {
      try {
        reader.apply(edit);
        return null;
      } catch (error) {
        return `an edit cannot be read (${(error as Error).message})`;
      }
    },
    isPlausible: (edit) => edit.length > 0,
    pause: () => nextTurn(),
  };
}

/**
 * The header of a batch, little-endian: the sequence number of its first change (8 bytes) and the number of changes
 * (4).
 */
const batchHeaderBytes = 12;

/**
 * Checks the sequence of batches. LevelDB numbers changes without gaps across logs, so a gap means that a batch is
 * missing.
 */
class LogCheck implements RecordCheck {
  /** The maximum number of changes that may be missing before a batch found after damage. */
  maxGap = 0;
  #next: number | null = null;

  record(batch: Uint8Array): string | null {
    if (batch.length < batchHeaderBytes) return 'a record is too short';
    const sequence = sequenceOf(batch);
    if (this.#next !== null && sequence > this.#next) return `${sequence - this.#next} changes before it are missing`;
    this.#next = sequence + asBuffer(batch).readUInt32LE(8);
    return null;
  }

  isPlausible(batch: Uint8Array): boolean {
    if (batch.length < batchHeaderBytes) return false;
    if (this.#next === null) return true;
    const gap = sequenceOf(batch) - this.#next;
    return gap >= 0 && gap <= this.maxGap;
  }

  pause(): Promise<void> {
    return nextTurn();
  }
}

function sequenceOf(batch: Uint8Array): number {
  const buffer = asBuffer(batch);
  return buffer.readUInt32LE(0) + buffer.readUInt32LE(4) * 2 ** 32;
}
