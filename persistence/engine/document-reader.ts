/** Reads and verifies the records of one document. A wrong checksum or a gap rejects with CorruptDocumentError. */
import { CorruptDocumentError, DamagedStoreError } from '../errors.ts';
import type { DocumentKeys } from './keys.ts';
import type { RecordStore } from './record-store.ts';
import { BadRecordError, entrySeqOf, unseal, unsealEntry, unsealHead, unsealMeta, unsealTombstone } from './records.ts';
import type { Head, Meta, Tombstone } from './records.ts';
import type { Entry } from '../update-log.ts';

interface StoredHead {
  /** Null if the document was never written. */
  readonly meta: Meta | null;
  /** Null before the first compaction. */
  readonly head: Head | null;
  /** Null if the document was never deleted. */
  readonly tombstone: Tombstone | null;
}

export interface StoredRecords extends StoredHead {
  /** The entries after the snapshot, in order. */
  readonly tail: readonly Entry[];
  /** Total bytes of the updates in the tail. */
  readonly tailBytes: number;
}

/** The sequence number before the tail: that of the snapshot or, without one, of the last deleted entry. */
export function baseSeqOf({ head, tombstone }: Pick<StoredHead, 'head' | 'tombstone'>): number {
  return head === null ? (tombstone?.lastSeq ?? 0) : head.snapshot.seq;
}

/** The document's generation; for one that does not exist, the generation it gets with its first entry. */
export function generationOf(tombstone: Tombstone | null): number {
  return (tombstone?.generation ?? 0) + 1;
}

/** The sequence number of a snapshot; 0 without one. */
export function seqOf(head: Head | null): number {
  return head === null ? 0 : head.snapshot.seq;
}

export async function readHead(store: RecordStore, keys: DocumentKeys): Promise<StoredHead> {
  const [metaValue, headValue, tombstoneValue] = await readOf(keys.docId, 'meta or snapshot head', () =>
    store.getMany([keys.meta, keys.head, keys.tombstone]),
  );
  return guard(keys.docId, 'meta or snapshot head', () => {
    const tombstone = tombstoneValue === undefined ? null : unsealTombstone(keys.tombstone, tombstoneValue);
    const meta = metaValue === undefined ? null : unsealMeta(keys.meta, metaValue);
    const head = headValue === undefined ? null : unsealHead(keys.head, headValue);
    if (meta === null && head !== null) throw new BadRecordError('there is a snapshot, but no meta record');
    if (meta !== null && meta.snapshotSeq !== seqOf(head)) {
      throw new BadRecordError(`snapshot ${meta.snapshotSeq} is expected, ${seqOf(head)} is there`);
    }
    if (meta !== null && meta.generation !== generationOf(tombstone)) {
      throw new BadRecordError(`generation ${generationOf(tombstone)} is expected, ${meta.generation} is there`);
    }
    return { meta, head, tombstone };
  });
}

/** `durableSeq` is the sequence number of the last durable entry, if it is known: then the tail is read faster. */
export async function readRecords(
  store: RecordStore,
  keys: DocumentKeys,
  durableSeq: number | null = null,
): Promise<StoredRecords> {
  const stored = await readHead(store, keys);
  const baseSeq = baseSeqOf(stored);
  const tail = await readOf(keys.docId, 'entries', () =>
    durableSeq === null ? readTailBackwards(store, keys, baseSeq) : readTail(store, keys, baseSeq, durableSeq),
  );
  // The first entry and the meta record are written together.
  const { meta, head } = stored;
  if ((meta === null) !== (head === null && tail.length === 0)) {
    const what = meta === null ? 'The meta record' : `Entry ${baseSeqOf(stored) + 1}`;
    throw new CorruptDocumentError(keys.docId, `${what} is missing`);
  }
  return { ...stored, tail, tailBytes: tail.reduce((bytes, { update }) => bytes + update.length, 0) };
}

/** The entries from `baseSeq` to `durableSeq` at least; more if some have become durable since. */
async function readTail(store: RecordStore, keys: DocumentKeys, baseSeq: number, durableSeq: number): Promise<Entry[]> {
  const tail: Entry[] = [];
  let seq = baseSeq;
  for await (const values of store.scanValues(keys.entries(baseSeq + 1))) {
    for (const value of values) tail.push(readEntry(keys, (seq += 1), value));
  }
  // A damaged key ends a scan early, as if nothing followed it.
  if (seq < durableSeq) throw missing(keys, seq + 1, durableSeq);
  return tail;
}

/**
 * Reads from the end. A damaged key ends a scan early, as if nothing followed it. The start of the tail is known, so
 * entries missing there are noticed. Its end is not known.
 */
async function readTailBackwards(store: RecordStore, keys: DocumentKeys, baseSeq: number): Promise<Entry[]> {
  const tail: Entry[] = [];
  let seq: number | null = null;
  for await (const values of store.scanValuesBackwards(keys.entries(baseSeq + 1))) {
    for (const value of values) {
      seq = seq === null ? entrySeqOf(value) : seq - 1;
      // Reading values without keys costs half as much. The checksum covers the key that this value must have.
      tail.push(readEntry(keys, seq, value));
    }
  }
  if (seq !== null && seq !== baseSeq + 1) throw missing(keys, baseSeq + 1, seq - 1);
  return tail.toReversed();
}

function missing({ docId }: DocumentKeys, first: number, last: number): CorruptDocumentError {
  const what = first === last ? `Entry ${first}` : `Entries ${first} to ${last}`;
  return new CorruptDocumentError(docId, `${what} cannot be found`);
}

/** The bytes of one part of a snapshot, assembled from its pieces. */
export async function readPart(store: RecordStore, keys: DocumentKeys, head: Head, part: number): Promise<Uint8Array> {
  const { parts, seq } = head.snapshot;
  const bytes = parts[part]?.bytes;
  if (bytes === undefined) throw new RangeError(`Snapshot ${seq} has ${parts.length} parts, there is no ${part}`);
  let first = 0;
  for (const before of parts.slice(0, part)) first += pieceCount(before.bytes, head.pieceBytes);
  const pieceKeys = Array.from({ length: pieceCount(bytes, head.pieceBytes) }, (_, i) => keys.piece(seq, first + i));
  const what = `part ${part} of snapshot ${seq}`;
  const values = await readOf(keys.docId, what, () => store.getMany(pieceKeys));
  return guard(keys.docId, what, () => {
    const pieces = pieceKeys.map((key, i) => {
      const value = values[i];
      if (value === undefined) throw new BadRecordError(`piece ${first + i} is missing`);
      return unseal(key, value);
    });
    const only = pieces.length === 1 ? pieces[0] : undefined;
    const data = only ?? new Uint8Array(Buffer.concat(pieces));
    if (data.length !== bytes) throw new BadRecordError(`it has ${data.length} bytes instead of ${bytes}`);
    return data;
  });
}

/** The number of pieces in a part of this size. An empty part has none. */
function pieceCount(bytes: number, pieceBytes: number): number {
  return Math.ceil(bytes / pieceBytes);
}

/** The number of pieces in a whole snapshot. */
export function allPieceCount(head: Head): number {
  let count = 0;
  for (const part of head.snapshot.parts) count += pieceCount(part.bytes, head.pieceBytes);
  return count;
}

function readEntry(keys: DocumentKeys, seq: number, value: Uint8Array): Entry {
  return guard(keys.docId, `entry ${seq}`, () => {
    if (entrySeqOf(value) !== seq) throw new BadRecordError(`entry ${entrySeqOf(value)} is in its place`);
    return unsealEntry(keys.entryScratch(seq), value);
  });
}

/** Turns a DamagedStoreError of `read` into a CorruptDocumentError. */
export async function readOf<T>(docId: string, what: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    if (!(cause instanceof DamagedStoreError)) throw cause;
    throw new CorruptDocumentError(docId, `Cannot read ${what}: ${cause.message}`, { cause });
  }
}

/** Turns a BadRecordError of `read` into a CorruptDocumentError. */
export function guard<T>(docId: string, what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof BadRecordError)) throw cause;
    throw new CorruptDocumentError(docId, `Cannot trust ${what}: ${cause.message}`, { cause });
  }
}
