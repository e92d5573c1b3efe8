import { createEncoder, toUint8Array, writeUint8Array, writeVarString, writeVarUint } from 'lib0/encoding';
import { diffUpdate } from 'yjs';
import { noScanLimits, scanUpdate } from '../../persistence/update/scan.ts';
import { trimDeletes } from '../../persistence/update/merge.ts';

/** Writes numbers as varUint, texts with their length, and bytes unchanged, for updates that no editor would write. */
export function bytesOf(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  const encoder = createEncoder();
  for (const part of parts) {
    if (typeof part === 'number') writeVarUint(encoder, part);
    else if (typeof part === 'string') writeVarString(encoder, part);
    else writeUint8Array(encoder, part);
  }
  return toUint8Array(encoder);
}

/** The first bytes of structs, with the flags of their links. */
export const info = { gc: 0, deleted: 1, text: 4, type: 7, any: 8, skip: 10, rightOrigin: 0x40, origin: 0x80 } as const;

/** The bytes of a struct of one client, without its clock. */
export const struct = {
  gc: (length: number) => bytesOf(Uint8Array.of(info.gc), length),
  skip: (length: number) => bytesOf(Uint8Array.of(info.skip), length),
  /** A text in the root type `text`. */
  text: (text: string) => bytesOf(Uint8Array.of(info.text), 1, 'text', text),
  /** A text after another struct. */
  textAfter: (client: number, clock: number, text: string) =>
    bytesOf(Uint8Array.of(info.text | info.origin), client, clock, text),
  /** A Y.Array in the root type `text`. */
  array: () => bytesOf(Uint8Array.of(info.type), 1, 'text', 0),
  /** A Y.Array as the first child of a type. */
  arrayIn: (client: number, clock: number) => bytesOf(Uint8Array.of(info.type), 0, client, clock, 0),
  /** A Y.Array after another struct. */
  arrayAfter: (client: number, clock: number) => bytesOf(Uint8Array.of(info.type | info.origin), client, clock, 0),
} as const;

export interface ClientStructs {
  readonly client: number;
  readonly clock: number;
  readonly structs: readonly Uint8Array[];
}

/** An update with these structs. `deletes` is a flat list of client, start, length; each client occurs at most once. */
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

/** The same update as Yjs writes it, without a bit that has no meaning beside an origin. */
export function writtenByYjs(update: Uint8Array): Uint8Array {
  return diffUpdate(update, Uint8Array.of(0));
}

/** The update without its deletions. */
export function withoutDeletes(update: Uint8Array): Uint8Array {
  return trimDeletes(update, scanUpdate(update, noScanLimits), []);
}

/** An update without structs that deletes `count` clocks of a client, every `step`th from `start` on. */
export function deletionsOf(client: number, start: number, count: number, step = 2): Uint8Array {
  const encoder = createEncoder();
  for (const number of [0, 1, client, count]) writeVarUint(encoder, number);
  for (let i = 0; i < count; i++) {
    writeVarUint(encoder, start + step * i);
    writeVarUint(encoder, 1);
  }
  return toUint8Array(encoder);
}
