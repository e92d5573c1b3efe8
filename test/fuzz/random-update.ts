import { createEncoder, toUint8Array, writeAny, writeUint8Array, writeVarString, writeVarUint } from 'lib0/encoding';
import type { Random } from '../support/random.ts';
import { bytesOf } from '../support/update-bytes.ts';
import { shapeNames, shapeOf } from '../support/update-shapes.ts';

/** Few ids, so that they occur again. They take one to eight bytes. */
const clientIds = [2 ** 53 - 1, 2 ** 32, 300, 3, 2, 1, 0];
const rootNames = ['text', 'map', 'array', 'xml', ''];
const jsonTexts = ['null', '1', '"x"', '{"a":[1,{"b":null}]}', '[]', 'undefined', '{', '1e999', ' 2', '"\\ud800"', ''];
const values = [
  1,
  -1,
  2 ** 31,
  0.5,
  'x',
  '🙂',
  null,
  undefined,
  true,
  [1, [2]],
  { a: { b: 1 } },
  new Uint8Array(3),
  1n,
];
const texts = ['a', 'hello', 'ä', '🙂', '👩‍💻', '\u0000', '\ufeffx', 'x'.repeat(130)];
/** The limits of UTF-8 in hex: the last of each length, surrogates, overlong forms, beyond U+10FFFF. */
const rawTexts = [
  '7f',
  'c280',
  'c1bf',
  'dfbf',
  'e0a080',
  'e09fbf',
  'ed9fbf',
  'eda080',
  'edbfbf',
  'ee8080',
  'efbfbf',
  'ecbfbf',
  'f0908080',
  'f08fbfbf',
  'f48fbfbf',
  'f4908080',
  'f5808080',
  '80',
  'c2',
];
const link = { origin: 0x80, rightOrigin: 0x40, parentSub: 0x20 } as const;

/** Small enough that thousands of inputs are tried in a second. */
const maxShapeBytes = 2_000;

/** An update that no editor writes: mostly `randomUpdate`, otherwise one of the shapes that have overloaded servers. */
export function hostileUpdate(random: Random): Uint8Array {
  if (random.below(4) > 0) return randomUpdate(random);
  const { updates } = shapeOf(random.pick(shapeNames), random, 50 + random.below(maxShapeBytes));
  // Some shapes need more bytes for their first update.
  return updates.length === 0 ? randomUpdate(random) : random.pick(updates);
}

/** An update that no editor writes, with every kind of struct. Most of these updates have few mistakes or none. */
export function randomUpdate(random: Random): Uint8Array {
  const clients = clientIds.filter(() => random.below(3) === 0);
  const parts: (number | Uint8Array)[] = [off(random, clients.length)];
  for (const client of clients) {
    const count = 1 + random.below(5);
    let clock = random.pick([0, 0, 0, 1, 5, 2 ** 32 - 4]);
    parts.push(off(random, count), client, clock);
    for (let i = 0; i < count; i++) {
      parts.push(randomStruct(random, client, clock));
      // A guess. Texts and lists are longer, so some links point into the middle of one.
      clock++;
    }
  }
  return bytesOf(...parts, randomDeletes(random));
}

/** Returns the count, and in one of 100 cases the count plus one. */
function off(random: Random, count: number): number {
  return random.below(100) === 0 ? count + 1 : count;
}

function randomStruct(random: Random, client: number, clock: number): Uint8Array {
  const kind = random.below(random.below(10) === 0 ? 32 : 11);
  const length = random.pick([1, 1, 1, 2, 3, 0, 127, 2 ** 32 - 1]);
  if (kind === 0 || kind === 10) return bytesOf(Uint8Array.of(kind), length);
  const links = random.pick([0, 0, link.parentSub, link.origin, link.rightOrigin, link.origin | link.rightOrigin]);
  const encoder = createEncoder();
  writeUint8Array(encoder, Uint8Array.of(kind | links));
  const writeId = (): void => {
    const other = random.below(3) === 0 ? client : random.pick(clientIds);
    writeVarUint(encoder, other);
    writeVarUint(encoder, other === client ? random.below(Math.min(clock, 100) + 1) : random.below(4));
  };
  if ((links & link.origin) !== 0) writeId();
  if ((links & link.rightOrigin) !== 0) writeId();
  if ((links & (link.origin | link.rightOrigin)) === 0) {
    const inRoot = random.below(3) > 0;
    writeVarUint(encoder, inRoot ? 1 : random.below(50) === 0 ? 2 : 0);
    if (inRoot) writeVarString(encoder, random.pick(rootNames));
    else writeId();
    if ((links & link.parentSub) !== 0) writeVarString(encoder, random.pick(['key', 'k', '']));
  }
  writeContent(encoder, random, kind, length);
  return toUint8Array(encoder);
}

function writeContent(encoder: ReturnType<typeof createEncoder>, random: Random, kind: number, length: number): void {
  const count = random.pick([1, 1, 2, 3, 0]);
  switch (kind) {
    case 1: // Deleted
      return writeVarUint(encoder, length);
    case 2: // JSON
      writeVarUint(encoder, count);
      for (let i = 0; i < count; i++) writeVarString(encoder, random.pick(jsonTexts));
      return;
    case 3: // Binary
      return writeUint8Array(encoder, bytesOf(count, new Uint8Array(count)));
    case 4: // String
      return writeUint8Array(encoder, randomText(random));
    case 5: // Embed
      return writeVarString(encoder, random.pick(jsonTexts));
    case 6: // Format
      writeVarString(encoder, random.pick(['bold', 'link', '']));
      return writeVarString(encoder, random.pick(jsonTexts));
    case 7: {
      // Type: array, map, text, element, fragment, hook, text of an element, and one that does not exist
      const type = random.below(8);
      writeVarUint(encoder, type);
      if (type === 3 || type === 5) writeVarString(encoder, random.pick(['p', '']));
      return;
    }
    case 8: // Any
      writeVarUint(encoder, count);
      for (let i = 0; i < count; i++) writeAny(encoder, values[random.below(values.length)]);
      return;
    case 9: // Doc
      writeVarString(encoder, random.pick(['guid', '']));
      return writeAny(encoder, random.pick([{}, { gc: false, meta: 1 }, { autoLoad: true }, { guid: 'x' }, null, []]));
    default:
      writeUint8Array(encoder, new Uint8Array(random.below(6)).fill(random.below(256)));
  }
}

/** A text with its length. One of four is at the limits of UTF-8 or beyond them. */
function randomText(random: Random): Uint8Array {
  if (random.below(4) > 0) return bytesOf(random.pick(texts));
  const bytes = Buffer.from(random.pick(rawTexts) + random.pick(['', '61']), 'hex');
  return bytesOf(bytes.length, bytes);
}

function randomDeletes(random: Random): Uint8Array {
  const clients = clientIds.filter(() => random.below(4) === 0);
  const parts = [off(random, clients.length)];
  for (const client of random.below(5) === 0 ? clients.toReversed() : clients) {
    const count = random.pick([1, 1, 2, 3, 0]);
    parts.push(client, count);
    for (let i = 0, clock = random.below(4); i < count; i++) {
      const length = random.pick([1, 1, 2, 0, 50]);
      parts.push(clock, length);
      clock += length + random.pick([0, 1, 2, -1]) * Number(length > 0);
    }
  }
  return bytesOf(...parts);
}
