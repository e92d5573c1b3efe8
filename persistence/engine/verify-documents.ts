import { CorruptDocumentError, DamagedStoreError, MalformedUpdateError } from '../errors.ts';
import { RangeSet } from '../update/ranges.ts';
import { noScanLimits, scanUpdate } from '../update/scan.ts';
import { decodeStateVector } from '../update/state-vector.ts';
import { readPart, readRecords } from './document-reader.ts';
import { allEntries, allHeads, allMetas, docIdOf, docIdOfEntry, DocumentKeys, isWholeKey } from './keys.ts';
import type { KeyRange, RecordStore } from './record-store.ts';

interface Verification {
  /** Number of documents in the database. */
  readonly documents: number;
  readonly verified: number;
  readonly damaged: readonly CorruptDocumentError[];
  /** Why part of the list of documents cannot be read; null if all of it can be read. */
  readonly unlisted: DamagedStoreError | null;
}

/** At most this many damaged documents are reported. */
const maxDamaged = 1_000;

/**
 * Reads documents as opening and joining them would, in random order until `mayGoOn` returns false. Checks every
 * checksum and every sequence number, and scans every stored update. Continues after damage to a document. Rejects with
 * LogError LOG_UNREADABLE.
 */
export async function verifyDocuments(store: RecordStore, mayGoOn: () => boolean): Promise<Verification> {
  const { docIds, unlisted } = await listDocuments(store);
  shuffle(docIds);
  const damaged: CorruptDocumentError[] = [];
  let verified = 0;
  for (const docId of docIds) {
    if (!mayGoOn()) break;
    const damage = await verify(new DocumentKeys(docId), store);
    if (damage !== null && damaged.length < maxDamaged) damaged.push(damage);
    verified += 1;
  }
  return { documents: docIds.length, verified, damaged, unlisted };
}

/** Lists documents by their meta records; if some of these cannot be read, also by their other records. */
async function listDocuments(store: RecordStore) {
  const docIds = new Set<string>();
  const add = (keys: readonly Uint8Array[]): void => {
    for (const key of keys) if (isWholeKey(key)) docIds.add(docIdOf(key));
  };
  const addEntries = (keys: readonly Uint8Array[]): void => {
    for (const key of keys) {
      const docId = docIdOfEntry(key);
      if (docId !== null) docIds.add(docId);
    }
  };
  let unlisted = await scanKeys(store, allMetas, add);
  if (unlisted !== null) {
    unlisted = (await scanKeys(store, allHeads, add)) ?? unlisted;
    unlisted = (await scanKeys(store, allEntries, addEntries)) ?? unlisted;
  }
  return { docIds: [...docIds], unlisted };
}

async function scanKeys(
  store: RecordStore,
  range: KeyRange,
  add: (keys: readonly Uint8Array[]) => void,
): Promise<DamagedStoreError | null> {
  try {
    for await (const keys of store.scanKeys(range)) add(keys);
    return null;
  } catch (error) {
    if (error instanceof DamagedStoreError) return error;
    throw error;
  }
}

async function verify(keys: DocumentKeys, store: RecordStore): Promise<CorruptDocumentError | null> {
  try {
    const { head, tail } = await readRecords(store, keys);
    for (const { seq, update } of tail) scan(keys.docId, `entry ${seq}`, update);
    if (head === null) return null;
    const { parts, pending, stateVector, deleteSet } = head.snapshot;
    for (let part = 0; part < parts.length; part += 1) {
      scan(keys.docId, `part ${part} of the snapshot`, await readPart(store, keys, head, part));
    }
    if (pending !== null) scan(keys.docId, 'the pending update', pending);
    guard(keys.docId, 'the state vector', () => decodeStateVector(stateVector));
    guard(keys.docId, 'the delete set', () => RangeSet.decodeDeleteSet(deleteSet));
    return null;
  } catch (error) {
    if (error instanceof CorruptDocumentError) return error;
    throw error;
  }
}

/** Scans a stored update as loading the document does. The limits for new input do not apply to stored updates. */
function scan(docId: string, what: string, update: Uint8Array): void {
  guard(docId, what, () => scanUpdate(update, noScanLimits));
}

/** Turns a MalformedUpdateError into CorruptDocumentError. */
function guard(docId: string, what: string, read: () => unknown): void {
  try {
    read();
  } catch (cause) {
    if (!(cause instanceof MalformedUpdateError)) throw cause;
    throw new CorruptDocumentError(docId, `Cannot read ${what}: ${cause.message}`, { cause });
  }
}

/** Shuffles, so that short daily checks of a large database cover all of it in time. */
function shuffle(items: string[]): void {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [items[last], items[other]] = [items[other]!, items[last]!];
  }
}
