import { CorruptDocumentError } from '../errors.ts';
import { baseSeqOf, guard, readHead, readOf } from './document-reader.ts';
import type { Garbage } from './garbage.ts';
import type { GroupCommit } from './group-commit.ts';
import { entrySeqIn, pieceOf } from './keys.ts';
import type { DocumentKeys } from './keys.ts';
import type { Leftovers } from './leftovers.ts';
import type { RecordStore } from './record-store.ts';
import { sealTombstone, unsealTombstone } from './records.ts';
import type { Tombstone } from './records.ts';

/** Client ids that a tombstone keeps, 200 KB: twice as many as a document can have (the limit `document-clients`). */
const maxDeletedClients = 40_000;

export interface DeletionDeps {
  readonly store: RecordStore;
  readonly commit: GroupCommit;
  readonly leftovers: Leftovers;
  readonly garbage: Garbage;
}

/** The content of the tombstone that the caller decides. */
type Epitaph = Pick<Tombstone, 'deletedMs' | 'transient'> & { readonly clients: Iterable<number> };

/**
 * Replaces a document with a tombstone in one batch: after a crash either all of the document is there or none.
 * `Leftovers` deletes the other records. Must run inside the document's mutex and while the document is not open.
 * Resolves with false if there was nothing to delete. Rejects with CorruptDocumentError if the last tombstone cannot be
 * read, or if the document may have lost records in a damaged table, because the sequence numbers of its entries are
 * then unknown.
 */
export async function deleteDocument(keys: DocumentKeys, epitaph: Epitaph, deps: DeletionDeps): Promise<boolean> {
  const { store, commit, leftovers, garbage } = deps;
  const [meta, head, buried] = await readOf(keys.docId, 'tombstone', () =>
    store.getMany([keys.meta, keys.head, keys.tombstone]),
  );
  const before = guard(keys.docId, 'tombstone', () =>
    buried === undefined ? null : unsealTombstone(keys.tombstone, buried),
  );
  const found = await readOf(keys.docId, 'keys', () => measure(keys, store, before?.lastSeq ?? 0));
  if (meta === undefined && head === undefined && !found.isThere) return false;
  const tombstone: Tombstone = {
    generation: (before?.generation ?? 0) + 1,
    deletedMs: epitaph.deletedMs,
    lastSeq: Math.max(found.lastSeq, await headSeq(keys, store)),
    clients: [...new Set([...epitaph.clients, ...(before?.clients ?? [])])].slice(0, maxDeletedClients),
    transient: epitaph.transient && before?.transient !== false,
  };
  await commit.write((batch) => {
    batch.put(keys.tombstone, sealTombstone(keys.tombstone, tombstone));
    for (const key of [keys.meta, keys.head, keys.transient]) batch.del(key);
    leftovers.mark(keys, batch);
  });
  garbage.addDeleted(keys.docId, found.bytes);
  return true;
}

/**
 * Measures the stored records and does not rely on the head, so that a document that cannot be read can still be
 * deleted.
 */
async function measure(keys: DocumentKeys, store: RecordStore, buriedSeq: number) {
  let lastSeq = buriedSeq;
  let bytes = 0;
  for await (const chunk of store.scanKeys(keys.entries(buriedSeq + 1))) {
    lastSeq = Math.max(lastSeq, entrySeqIn(chunk.at(-1)!));
  }
  for await (const chunk of store.scanKeys(keys.pieces())) {
    for (const key of chunk) lastSeq = Math.max(lastSeq, pieceOf(key).seq);
  }
  for (const range of [keys.entries(buriedSeq + 1), keys.pieces()]) {
    for await (const values of store.scanValues(range)) for (const value of values) bytes += value.length;
  }
  return { lastSeq, bytes, isThere: lastSeq > buriedSeq };
}

/** The sequence number in the head: an empty snapshot has no pieces to take it from. */
async function headSeq(keys: DocumentKeys, store: RecordStore): Promise<number> {
  try {
    return baseSeqOf(await readHead(store, keys));
  } catch (error) {
    if (!(error instanceof CorruptDocumentError)) throw error;
    return 0;
  }
}
