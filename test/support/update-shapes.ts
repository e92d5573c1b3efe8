import { createEncoder, toUint8Array, writeUint8, writeUint8Array, writeVarString, writeVarUint } from 'lib0/encoding';
import type { Encoder } from 'lib0/encoding';
import { bytesOf, deletionsOf, info, struct, updateOf } from './update-bytes.ts';
import type { Random } from './random.ts';

/** Updates for one document in the order of sending, and the way in which they are sent. */
export interface Shape {
  readonly name: string;
  readonly updates: readonly Uint8Array[];
}

type Maker = (random: Random, bytes: number) => Uint8Array[];

/** Writes structs, one client after the other. */
class Structs {
  readonly #encoder: Encoder = createEncoder();

  constructor(clients: number) {
    writeVarUint(this.#encoder, clients);
  }

  client(client: number, clock: number, count: number): void {
    for (const number of [count, client, clock]) writeVarUint(this.#encoder, number);
  }

  raw(bytes: Uint8Array): void {
    writeUint8Array(this.#encoder, bytes);
  }

  /** One character after another struct. */
  after(client: number, clock: number): void {
    writeUint8(this.#encoder, info.text | info.origin);
    writeVarUint(this.#encoder, client);
    writeVarUint(this.#encoder, clock);
    writeVarString(this.#encoder, 'x');
  }

  end(): Uint8Array {
    writeVarUint(this.#encoder, 0);
    return toUint8Array(this.#encoder);
  }
}

/** Consecutive characters of one client, each a struct of its own. */
function characters(client: number, from: number, count: number): Uint8Array {
  const structs = new Structs(1);
  structs.client(client, from, count);
  for (let clock = from; clock < from + count; clock++) {
    if (clock === 0) structs.raw(struct.text('x'));
    else structs.after(client, clock - 1);
  }
  return structs.end();
}

/** The same content repeated. */
function repeated(content: Uint8Array, bytes: number, client: number): Uint8Array {
  const count = Math.max(1, Math.floor(bytes / content.length));
  const structs = new Structs(1);
  structs.client(client, 0, count);
  for (let i = 0; i < count; i++) structs.raw(content);
  return structs.end();
}

/** Every other clock of one client: characters and Skips alternate. */
function combed(client: number, from: number, count: number): Uint8Array {
  const structs = new Structs(1);
  structs.client(client, from, 2 * count - 1);
  for (let i = 0; i < count; i++) {
    if (i > 0) structs.raw(struct.skip(1));
    structs.raw(struct.text('x'));
  }
  return structs.end();
}

/** Two texts whose characters build on each other alternately, so that each waits for the other. */
function chain(client: number, other: number, count: number): [Uint8Array, Uint8Array] {
  const [mine, theirs] = [new Structs(1), new Structs(1)];
  mine.client(client, 0, count);
  theirs.client(other, 0, count);
  for (let i = 0; i < count; i++) {
    if (i === 0) mine.raw(struct.text('x'));
    else mine.after(other, i - 1);
    theirs.after(client, i);
  }
  return [mine.end(), theirs.end()];
}

/** One struct, or one deletion, for each of many clients. */
function crowd(first: number, count: number, deletes: boolean): Uint8Array {
  const clients = Array.from({ length: count }, (_, i) => first - i);
  if (deletes)
    return updateOf(
      [],
      clients.flatMap((client) => [client, 0, 1]),
    );
  return updateOf(clients.map((client) => ({ client, clock: 0, structs: [struct.gc(2)] })));
}

function text(bytes: number, client: number): Uint8Array {
  return updateOf([{ client, clock: 0, structs: [struct.text('x'.repeat(bytes))] }]);
}

/** A value of an embed, in JSON. */
function embed(json: string): Uint8Array {
  return bytesOf(Uint8Array.of(5), 1, 'text', json);
}

/** A struct that holds null. */
const nullValue = bytesOf(Uint8Array.of(info.any), 1, 'text', 1, Uint8Array.of(126));

const everything = struct.gc(40_000_000);
const base = updateOf([{ client: 7, clock: 0, structs: [everything] }]);

const makers: Readonly<Record<string, Maker>> = {
  'deletions of known clocks between each other': (random, bytes) => {
    const count = Math.min(499_000, Math.floor(bytes / 5));
    const parts = 1 + random.below(3);
    const step = 2 * parts + random.below(3);
    return [base, ...Array.from({ length: parts }, (_, i) => deletionsOf(7, 2 * i, Math.floor(count / parts), step))];
  },
  'deletions of unknown clocks': (random, bytes) => {
    const count = Math.floor(bytes / 6);
    return [0, 1, 2].map((i) => deletionsOf(100 + i * random.below(2), 1_000_000 + i, count, 3));
  },
  'more deletions than there may be': (_random, bytes) => [base, deletionsOf(7, 0, Math.floor(bytes / 5), 2)],
  'the same deletions again': (_random, bytes) => {
    const deletions = deletionsOf(7, 0, Math.min(499_000, Math.floor(bytes / 5)), 3);
    return [base, deletions, deletions, deletionsOf(7, 1, 1)];
  },
  'characters of one client': (random, bytes) => {
    const count = Math.floor(bytes / 7);
    const first = random.below(count) + 1;
    return [characters(5, 0, first), characters(5, first, count - first + 1)];
  },
  'a later part before the earlier one': (random, bytes) => {
    const count = Math.floor(bytes / 7);
    const first = 1 + random.below(10);
    return [
      characters(5, first, Math.min(count, 1 + random.below(8_000))),
      characters(5, 0, first),
      characters(6, 0, count),
    ];
  },
  'every other clock, then the others': (_random, bytes) => {
    const count = Math.max(2, Math.floor(bytes / 9));
    return [combed(5, 0, count), combed(5, 1, count)];
  },
  'texts that build on each other': (random, bytes) => {
    const count = Math.max(2, Math.floor(bytes / 12));
    const [mine, theirs] = chain(8, 9, random.pick([count, Math.min(count, 3_500)]));
    return random.pick([
      [theirs, mine],
      [mine, theirs],
    ]);
  },
  'structs of many clients': (random, bytes) => {
    const count = Math.max(1, Math.min(random.pick([9_000, 19_000]), Math.floor(bytes / 9)));
    return [
      crowd(2 ** 31, Math.ceil(count / 2), false),
      crowd(2 ** 31 - count, Math.floor(count / 2), random.below(2) === 0),
    ];
  },
  'deletions of many clients': (_random, bytes) => [
    crowd(2 ** 31, Math.max(1, Math.min(50_000, Math.floor(bytes / 9))), true),
  ],
  'one long text': (_random, bytes) => [text(bytes, 5), updateOf([], [5, 1, Math.max(1, bytes - 2)])],
  'values of JSON': (random, bytes) => {
    const value = random.pick(['[]', '{}', '""', '0', '{"a":{}}', '[[[]]]']);
    const count = Math.max(1, Math.floor(bytes / (value.length + 1)));
    return [
      updateOf([{ client: 5, clock: 0, structs: [embed(`[${Array.from({ length: count }, () => value).join()}]`)] }]),
    ];
  },
  'small structs with values': (random, bytes) => {
    return [repeated(random.pick([nullValue, embed('{}'), embed('[[]]'), struct.array(), struct.gc(1)]), bytes, 5)];
  },
  'a list of values': (_random, bytes) => {
    const values = new Uint8Array(bytes).fill(126);
    return [updateOf([{ client: 5, clock: 0, structs: [bytesOf(Uint8Array.of(info.any), 1, 'text', bytes, values)] }])];
  },
  'lists within lists': (random, bytes) => {
    const depth = 1 + random.below(400);
    const count = Math.max(1, Math.floor(bytes / (8 * depth)));
    const structs = new Structs(1);
    structs.client(5, 0, count * depth);
    for (let i = 0; i < count; i++) {
      structs.raw(struct.array());
      for (let level = 1; level < depth; level++) structs.raw(struct.arrayIn(5, i * depth + level - 1));
    }
    return [structs.end()];
  },
  'types in one chain': (_random, bytes) => {
    const depth = Math.max(2, Math.floor(bytes / 8));
    const structs = new Structs(1);
    structs.client(5, 0, depth);
    structs.raw(struct.array());
    for (let level = 1; level < depth; level++) structs.raw(struct.arrayIn(5, level - 1));
    return [structs.end(), updateOf([], [5, 0, 1])];
  },
  'many small updates': (random, bytes) => {
    const [size, count] = [20 + random.below(2_000), Math.min(1_500, Math.floor(bytes / 100))];
    const each = Math.max(1, Math.floor(size / 7));
    return Array.from({ length: count }, (_, i) => characters(5 + (i % 3), Math.floor(i / 3) * each, each));
  },
};

export const shapeNames: readonly string[] = Object.keys(makers);

/** The updates of a shape, with about this many bytes in total. */
export function shapeOf(name: string, random: Random, bytes: number): Shape {
  const make = makers[name];
  if (make === undefined) throw new RangeError(`There is no shape ${name}`);
  return { name, updates: make(random, bytes) };
}
