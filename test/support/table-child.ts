/**
 * A program that opens databases with damaged files, one after the other, and writes a line of JSON (`OpenedDatabase`)
 * for each. LevelDB may abort a process that reads a damaged table, which a caller sees by the signal.
 *
 *     node table-child.js <refuse|accept> <documents> <folder>...
 *
 * `documents` are the names with commas between them.
 */
import { writeSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { CorruptDocumentError, LogError } from '../../persistence/errors.ts';
import { openDatabase } from '../../persistence/level/database.ts';
import { readPart, readRecords } from '../../persistence/engine/document-reader.ts';
import { DocumentKeys, probeKey } from '../../persistence/engine/keys.ts';
import type { RecordStore } from '../../persistence/engine/record-store.ts';

export interface OpenedDatabase {
  /** The code of the error with which the database was refused, or null. */
  readonly refused: string | null;
  /** A hash of everything stored for each document, or `damaged`. */
  readonly documents: Readonly<Record<string, string>>;
  /** The same after LevelDB has rewritten all tables, after a write, and after opening again. */
  readonly afterwards: Readonly<Record<string, string>>;
  readonly reports: readonly string[];
}

const [mode, names = '', ...folders] = process.argv.slice(2);
const docIds = names.split(',');

for (const folder of folders) writeSync(1, `${JSON.stringify(await examine(folder))}\n`);

async function examine(folder: string): Promise<OpenedDatabase> {
  const reports: string[] = [];
  const report = (error: LogError): void => void reports.push(error.message);
  const options = { mayCreate: false, containDamage: report, ...(mode === 'accept' ? { acceptDamage: report } : {}) };
  try {
    const store = await openDatabase(folder, options);
    const documents = await read(store);
    await store.reclaim({ gte: Buffer.from([0]), lt: Buffer.from([255]) });
    const batch = store.batch();
    batch.put(probeKey, Buffer.from('written'));
    await batch.write({ sync: true });
    await store.close();
    const again = await openDatabase(folder, { mayCreate: false, containDamage: report });
    const afterwards = await read(again);
    await again.close();
    return { refused: null, documents, afterwards, reports };
  } catch (error) {
    if (!(error instanceof LogError)) throw error;
    return { refused: `${error.code}: ${error.message}`, documents: {}, afterwards: {}, reports };
  }
}

async function read(store: RecordStore): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const docId of docIds) found[docId] = await contentOf(store, new DocumentKeys(docId));
  return found;
}

async function contentOf(store: RecordStore, keys: DocumentKeys): Promise<string> {
  const hash = createHash('sha256');
  try {
    const { head, tail } = await readRecords(store, keys);
    for (const part of head?.snapshot.parts.keys() ?? []) hash.update(await readPart(store, keys, head!, part));
    for (const { seq, update } of tail) hash.update(`${seq}`).update(update);
    return hash.digest('hex');
  } catch (error) {
    if (error instanceof CorruptDocumentError) return 'damaged';
    throw error;
  }
}
