import { CorruptDocumentError } from '../errors.ts';
import { readPart, readRecords } from './document-reader.ts';
import { allMetas, docIdOf, DocumentKeys } from './keys.ts';
import type { RecordStore } from './record-store.ts';

export interface Verification {
  /** Documents that there are. */
  readonly documents: number;
  readonly verified: number;
  readonly damaged: readonly CorruptDocumentError[];
}

/** More are counted, but not named. */
const maxDamaged = 1_000;

/**
 * Reads documents as opening and joining them would, each checksum and each sequence number, in random order until
 * `mayGoOn` says no. Rejects with what reading the store rejects with.
 */
export async function verifyDocuments(store: RecordStore, mayGoOn: () => boolean): Promise<Verification> {
  const docIds: string[] = [];
  for await (const keys of store.scanKeys(allMetas)) docIds.push(...keys.map(docIdOf));
  shuffle(docIds);
  const damaged: CorruptDocumentError[] = [];
  let verified = 0;
  for (const docId of docIds) {
    if (!mayGoOn()) break;
    const damage = await verify(new DocumentKeys(docId), store);
    if (damage !== null && damaged.length < maxDamaged) damaged.push(damage);
    verified += 1;
  }
  return { documents: docIds.length, verified, damaged };
}

async function verify(keys: DocumentKeys, store: RecordStore): Promise<CorruptDocumentError | null> {
  try {
    const { head } = await readRecords(store, keys);
    const parts = head?.snapshot.parts.length ?? 0;
    for (let part = 0; part < parts; part += 1) await readPart(store, keys, head!, part);
    return null;
  } catch (error) {
    if (error instanceof CorruptDocumentError) return error;
    throw error;
  }
}

/** So that a large database that is looked at for a few seconds each day is seen whole in time. */
function shuffle(items: string[]): void {
  for (let last = items.length - 1; last > 0; last -= 1) {
    const other = Math.floor(Math.random() * (last + 1));
    [items[last], items[other]] = [items[other]!, items[last]!];
  }
}
