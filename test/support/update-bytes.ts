import { createEncoder, toUint8Array, writeUint8Array, writeVarString, writeVarUint } from 'lib0/encoding';
import { diffUpdate } from 'yjs';
import { noScanLimits, scanUpdate } from '../../persistence/update/scan.ts';
import { trimDeletes } from '../../persistence/update/merge.ts';

/** Writes numbers as varUint, texts with their length, bytes as they are: updates that no editor would write. */
export function bytesOf(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  const encoder = createEncoder();
  for (const part of parts) {
    if (typeof part === 'number') writeVarUint(encoder, part);
    else if (typeof part === 'string') writeVarString(encoder, part);
    else writeUint8Array(encoder, part);
  }
  return toUint8Array(encoder);
}

/** First bytes of structs, and what links they have. */
export const info = { gc: 0, deleted: 1, text: 4, type: 7, any: 8, skip: 10, rightOrigin: 0x40, origin: 0x80 } as const;

/** A struct of one client: its bytes, without clock. */
export const struct = {
  gc: (length: number) => bytesOf(Uint8Array.of(info.gc), length),
  skip: (length: number) => bytesOf(Uint8Array.of(info.skip), length),
  /** A text in the root type `text`. */
  text: (text: string) => bytesOf(Uint8Array.of(info.text), 1, 'text', text),
  /** A text behind a struct. */
  textAfter: (client: number, clock: number, text: string) =>
    bytesOf(Uint8Array.of(info.text | info.origin), client, clock, text),
  /** A Y.Array in the root type `text`. */
  array: () => bytesOf(Uint8Array.of(info.type), 1, 'text', 0),
  /** A Y.Array as the first child of a type. */
  arrayIn: (client: number, clock: number) => bytesOf(Uint8Array.of(info.type), 0, client, clock, 0),
  /** A Y.Array behind a struct. */
  arrayAfter: (client: number, clock: number) => bytesOf(Uint8Array.of(info.type | info.origin), client, clock, 0),
} as const;

export interface ClientStructs {
  readonly client: number;
  readonly clock: number;
  readonly structs: readonly Uint8Array[];
}

/** An update of these structs; `deletes` are flat triples client, start, length, a client at most once. */
export function updateOf(clients: readonly ClientStructs[], deletes: readonly number[] = []): Uint8Array {
  const encoder = createEncoder();
  const write = (...numbers: readonly number[]): void => numbers.forEach((number) => writeVarUint(encoder, number));
  write(clients.length);
  for (const { client, clock, structs } of clients) {
    write(structs.length, client, clock);
    for (const each of structs) writeUint8Array(encoder, each);
  }
  write(deletes.length / 3);
  for (let i = 0; i < deletes.length; i += 3) write(deletes[i] ?? 0, 1, deletes[i + 1] ?? 0, deletes[i + 2] ?? 0);
  return toUint8Array(encoder);
}

/** The same update as Yjs writes it: a bit of a struct that says nothing beside an origin is left out. */
export function writtenByYjs(update: Uint8Array): Uint8Array {
  return diffUpdate(update, Uint8Array.of(0));
}

/** The structs of an update alone. */
export function withoutDeletes(update: Uint8Array): Uint8Array {
  return trimDeletes(update, scanUpdate(update, noScanLimits), []);
}

/** An update that deletes `count` clocks of a client and brings nothing: every `step`th from `start` on. */
export function deletionsOf(client: number, start: number, count: number, step = 2): Uint8Array {
  const encoder = createEncoder();
  for (const number of [0, 1, client, count]) writeVarUint(encoder, number);
  for (let i = 0; i < count; i++) {
    writeVarUint(encoder, start + step * i);
    writeVarUint(encoder, 1);
  }
  return toUint8Array(encoder);
}
