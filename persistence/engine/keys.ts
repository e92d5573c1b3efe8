/**
 * The keys of the database: kind (1 byte), length of the document id (2 bytes), document id (UTF-8). Some kinds append
 * a sequence number (6 bytes), and pieces also a piece number (4 bytes). Numbers are big-endian, so keys sort
 * numerically.
 */
import type { KeyRange } from './record-store.ts';

/** Letters, so that a dump is readable. */
const kinds = {
  format: 'F',
  probe: 'W',
  meta: 'M',
  head: 'S',
  piece: 'P',
  entry: 'E',
  setAside: 'A',
  /** A mark: some records of this document may have to be deleted. */
  leftovers: 'L',
  /** The tombstone of a deleted document, which keeps old copies from bringing it back. */
  tombstone: 'D',
  /** A mark: the document exists only while it is open. */
  transient: 'T',
  /** Reserved for entries that compaction folds. */
  history: 'H',
} as const;

type Kind = keyof typeof kinds;

const idStart = 3;
const seqBytes = 6;
const pieceBytes = 4;
/** An upper bound that no sequence number reaches. */
const seqEnd = 2 ** 48 - 1;

/** The record that names the program that wrote the database, and the format version. */
export const formatKey = bare('format');
/** Written to test whether the database can be written to. */
export const probeKey = bare('probe');
/** The marks of all documents with leftovers. */
export const allLeftovers = all('leftovers');
export const allTransient = all('transient');
export const allMetas = all('meta');
export const allHeads = all('head');
export const allEntries = all('entry');

/** The keys of one document. They are built on demand because most open documents are idle. */
export class DocumentKeys {
  readonly docId: string;
  readonly #idBytes: number;
  /** Overwritten by every `entryScratch`, so that an edit allocates no key. */
  #entry: Buffer | null = null;

  /** Throws RangeError for an id that is empty, longer than 65,535 bytes or not well-formed. */
  constructor(docId: string) {
    this.docId = docId;
    this.#idBytes = Buffer.byteLength(docId);
    if (this.#idBytes === 0 || this.#idBytes > 0xffff) {
      throw new RangeError(`A document id has 1 to 65535 bytes, this one has ${this.#idBytes}`);
    }
    // Lone surrogates all become U+FFFD, so two documents would share their keys.
    if (!docId.isWellFormed()) throw new RangeError('A document id must be well-formed Unicode');
  }

  get meta(): Buffer {
    return this.#key('meta', 0);
  }

  get head(): Buffer {
    return this.#key('head', 0);
  }

  get leftovers(): Buffer {
    return this.#key('leftovers', 0);
  }

  get tombstone(): Buffer {
    return this.#key('tombstone', 0);
  }

  get transient(): Buffer {
    return this.#key('transient', 0);
  }

  entry(seq: number): Buffer {
    return this.#numbered('entry', seq);
  }

  /** The key of an entry, in a shared buffer. Valid until the next call. */
  entryScratch(seq: number): Buffer {
    const key = (this.#entry ??= this.#key('entry', seqBytes));
    key.writeUIntBE(seq, key.length - seqBytes, seqBytes);
    return key;
  }

  setAside(seq: number): Buffer {
    return this.#numbered('setAside', seq);
  }

  piece(seq: number, piece: number): Buffer {
    const key = this.#key('piece', seqBytes + pieceBytes);
    key.writeUIntBE(seq, key.length - pieceBytes - seqBytes, seqBytes);
    key.writeUInt32BE(piece, key.length - pieceBytes);
    return key;
  }

  /** Entries from `first` (inclusive) to `end` (exclusive). */
  entries(first: number, end: number = seqEnd): KeyRange {
    return { gte: this.entry(first), lt: this.entry(end) };
  }

  /** Entries that were set aside, up to `end` (exclusive). */
  setAsides(end: number): KeyRange {
    return { gte: this.setAside(0), lt: this.setAside(end) };
  }

  /** The pieces of all snapshots. */
  pieces(): KeyRange {
    return { gte: this.piece(0, 0), lt: this.piece(seqEnd, 0) };
  }

  /** The head alone. The bounds are keys that no record has: one too short for its document id, and one too long. */
  heads(): KeyRange {
    return { gte: this.head.subarray(0, -1), lt: Buffer.concat([this.head, Buffer.alloc(1)]) };
  }

  #numbered(kind: Kind, seq: number): Buffer {
    const key = this.#key(kind, seqBytes);
    key.writeUIntBE(seq, key.length - seqBytes, seqBytes);
    return key;
  }

  #key(kind: Kind, numberBytes: number): Buffer {
    const key = Buffer.alloc(idStart + this.#idBytes + numberBytes);
    key[0] = kinds[kind].charCodeAt(0);
    key.writeUInt16BE(this.#idBytes, 1);
    key.write(this.docId, idStart);
    return key;
  }
}

/** The sequence number at the end of an entry's key. */
export function entrySeqIn(key: Uint8Array): number {
  return asBuffer(key).readUIntBE(key.length - seqBytes, seqBytes);
}

/** The sequence and piece numbers at the end of a piece's key. */
export function pieceOf(key: Uint8Array): { readonly seq: number; readonly piece: number } {
  const buffer = asBuffer(key);
  return {
    seq: buffer.readUIntBE(key.length - pieceBytes - seqBytes, seqBytes),
    piece: buffer.readUInt32BE(key.length - pieceBytes),
  };
}

/** The document id of a key that ends with it. */
export function docIdOf(key: Uint8Array): string {
  return asBuffer(key).toString('utf8', idStart);
}

/** Whether the key ends with a complete document id. In a damaged table a key may hold any bytes. */
export function isWholeKey(key: Uint8Array): boolean {
  return key.length > idStart && asBuffer(key).readUInt16BE(1) === key.length - idStart;
}

/** The document id in an entry's key; null if it is not such a key. */
export function docIdOfEntry(key: Uint8Array): string | null {
  const id = key.subarray(0, -seqBytes);
  return isWholeKey(id) ? docIdOf(id) : null;
}

/** Whether a record with this key may be overwritten. Entries and pieces are written once. */
export function hasManyVersions(key: Uint8Array): boolean {
  const [entry, piece, setAside] = [kinds.entry, kinds.piece, kinds.setAside].map((kind) => kind.charCodeAt(0));
  return key[0] !== entry && key[0] !== piece && key[0] !== setAside;
}

/** The document id in a key of any kind; null if the key holds no complete id. */
export function docIdIn(key: Uint8Array): string | null {
  if (key.length <= idStart) return null;
  const end = idStart + asBuffer(key).readUInt16BE(1);
  return end > idStart && end <= key.length ? docIdOf(key.subarray(0, end)) : null;
}

function all(kind: Kind): KeyRange {
  return { gte: bare(kind), lt: after(kind) };
}

function bare(kind: Kind): Buffer {
  return Buffer.from(kinds[kind]);
}

function after(kind: Kind): Buffer {
  return Buffer.from([kinds[kind].charCodeAt(0) + 1]);
}

/** The same bytes, with the methods of Buffer. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
