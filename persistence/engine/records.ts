/**
 * The values in the database. Each begins with a CRC-32 (4 bytes, big-endian) over its key and the rest of the value.
 */
import { decodeAny, encodeAny } from 'lib0/buffer';
import { createDecoder, hasContent, readVarUint } from 'lib0/decoding';
import { createEncoder, toUint8Array, writeVarUint } from 'lib0/encoding';
import { crc32 } from 'node:zlib';
import { asBuffer } from './keys.ts';
import type { Entry, Snapshot } from '../update-log.ts';

/** A record does not hold the bytes that were written. The reader knows which document it belongs to. */
export class BadRecordError extends Error {
  override readonly name = 'BadRecordError';
}

/** A summary of a document. Written with its first entry and at each compaction. */
export interface Meta {
  readonly generation: number;
  readonly createdMs: number;
  /** Time of the last folded entry; of the first entry before any compaction. */
  readonly changedMs: number;
  /** Sequence number of the snapshot, 0 without one. Reveals a missing head. */
  readonly snapshotSeq: number;
  readonly snapshotBytes: number;
}

/** The record that makes a snapshot valid. Written after its pieces. */
export interface Head {
  readonly snapshot: Snapshot;
  /** Size of the pieces that each part is cut into. The last piece of a part may be shorter. */
  readonly pieceBytes: number;
}

/** The record that remains of a document's deleted generations. Written when the document is deleted. */
export interface Tombstone {
  /** The last deleted generation. The next one has this number plus 1. */
  readonly generation: number;
  readonly deletedMs: number;
  /**
   * Sequence numbers continue after this one, so that records still to be cleaned up are never mistaken for new ones.
   */
  readonly lastSeq: number;
  /** Client ids; those of the last generation come first. */
  readonly clients: readonly number[];
  /** Of a transient document: the tombstone is removed as soon as all other records of the document are gone. */
  readonly transient: boolean;
}

export interface Format {
  readonly program: string;
  readonly version: number;
}

const crcBytes = 4;
const entryHeaderBytes = crcBytes + 6 + 6 + 2;
/** Larger than nearly every edit. A larger entry gets a buffer of its own. */
const scratchBytes = 64 * 1024;
/** Chosen so that the byte length fits into two bytes for any characters. */
export const maxUserIdLength = 16_384;

/** Returns a value: checksum and payload. */
export function seal(key: Uint8Array, payload: Uint8Array): Buffer {
  const value = Buffer.allocUnsafe(crcBytes + payload.length);
  value.set(payload, crcBytes);
  value.writeUInt32BE(crc32(payload, crc32(key)), 0);
  return value;
}

/** Returns the payload of a value, as a view of it. Throws BadRecordError if the checksum is wrong. */
export function unseal(key: Uint8Array, value: Uint8Array): Uint8Array {
  if (value.length < crcBytes) throw new BadRecordError('it is cut off');
  const payload = new Uint8Array(value.buffer, value.byteOffset + crcBytes, value.length - crcBytes);
  if (asBuffer(value).readUInt32BE(0) !== crc32(payload, crc32(key))) throw new BadRecordError('its checksum is wrong');
  return payload;
}

/** Whether the checksum of the value matches key and payload. */
export function isSealed(key: Uint8Array, value: Uint8Array): boolean {
  if (value.length < crcBytes) return false;
  return asBuffer(value).readUInt32BE(0) === crc32(value.subarray(crcBytes), crc32(key));
}

export function sealMeta(key: Uint8Array, meta: Meta): Buffer {
  return seal(key, encodeAny(meta));
}

export function unsealMeta(key: Uint8Array, value: Uint8Array): Meta {
  return decodeAny(unseal(key, value)) as Meta;
}

export function sealHead(key: Uint8Array, head: Head): Buffer {
  return seal(key, encodeAny(head));
}

export function unsealHead(key: Uint8Array, value: Uint8Array): Head {
  return decodeAny(unseal(key, value)) as Head;
}

/** A tombstone on disk, where `transient` is called `passing`. */
type StoredTombstone = Omit<Tombstone, 'clients' | 'transient'> & {
  readonly clients: Uint8Array;
  readonly passing: boolean;
};

export function sealTombstone(key: Uint8Array, { clients, transient, ...rest }: Tombstone): Buffer {
  const encoder = createEncoder();
  for (const client of clients) writeVarUint(encoder, client);
  const stored: StoredTombstone = { ...rest, passing: transient, clients: toUint8Array(encoder) };
  return seal(key, encodeAny(stored));
}

export function unsealTombstone(key: Uint8Array, value: Uint8Array): Tombstone {
  const { clients, passing, ...rest } = decodeAny(unseal(key, value)) as StoredTombstone;
  const decoder = createDecoder(clients);
  const ids: number[] = [];
  while (hasContent(decoder)) ids.push(readVarUint(decoder));
  return { ...rest, transient: passing, clients: ids };
}

export function sealFormat(key: Uint8Array, format: Format): Buffer {
  return seal(key, encodeAny(format));
}

export function unsealFormat(key: Uint8Array, value: Uint8Array): Format {
  return decodeAny(unseal(key, value)) as Format;
}

/** Writes entries into one buffer that is reused, because a batch copies its input. */
export class EntrySealer {
  readonly #scratch = Buffer.allocUnsafe(scratchBytes);

  /** Layout: checksum, sequence number, time, length of the user id, user id, update. Valid until the next call. */
  seal(key: Uint8Array, entry: Entry): Uint8Array {
    const { userId, update } = entry;
    const mostBytes = entryHeaderBytes + userId.length * 3 + update.length;
    const buffer = mostBytes <= scratchBytes ? this.#scratch : Buffer.allocUnsafe(mostBytes);
    buffer.writeUIntBE(entry.seq, 4, 6);
    buffer.writeUIntBE(entry.timeMs, 10, 6);
    const userBytes = buffer.write(userId, entryHeaderBytes, 'utf8');
    buffer.writeUInt16BE(userBytes, 16);
    buffer.set(update, entryHeaderBytes + userBytes);
    const value = buffer.subarray(0, entryHeaderBytes + userBytes + update.length);
    value.writeUInt32BE(crc32(value.subarray(crcBytes), crc32(key)), 0);
    return value;
  }
}

/** The sequence number stored in an entry's value; NaN if the value is truncated. */
export function entrySeqOf(value: Uint8Array): number {
  return value.length < entryHeaderBytes ? Number.NaN : asBuffer(value).readUIntBE(4, 6);
}

/** Throws BadRecordError if the entry is damaged. The update is a view of the value. */
export function unsealEntry(key: Uint8Array, value: Uint8Array): Entry {
  const buffer = asBuffer(value);
  if (buffer.length < entryHeaderBytes) throw new BadRecordError('it is cut off');
  if (buffer.readUInt32BE(0) !== crc32(buffer.subarray(crcBytes), crc32(key))) {
    throw new BadRecordError('its checksum is wrong');
  }
  const updateStart = entryHeaderBytes + buffer.readUInt16BE(16);
  return {
    seq: buffer.readUIntBE(4, 6),
    timeMs: buffer.readUIntBE(10, 6),
    userId: buffer.toString('utf8', entryHeaderBytes, updateStart),
    update: new Uint8Array(buffer.buffer, buffer.byteOffset + updateStart, buffer.length - updateStart),
  };
}
