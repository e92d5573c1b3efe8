import type { Reader } from './reader.ts';

/** The tags of lib0's `any` encoding. */
const tag = {
  bytes: 116,
  array: 117,
  object: 118,
  text: 119,
  true: 120,
  false: 121,
  bigint: 122,
  float64: 123,
  float32: 124,
  integer: 125,
  null: 126,
  undefined: 127,
} as const;

/**
 * Skips one value in lib0's `any` encoding. Nesting is limited to `maxDepth`, because Yjs reads the value by recursion.
 */
export function skipAny(reader: Reader, maxDepth: number): void {
  switch (reader.readByte()) {
    case tag.undefined:
    case tag.null:
    case tag.true:
    case tag.false:
      return;
    case tag.integer:
      return reader.skipVarInt();
    case tag.float32:
      return reader.skip(4);
    case tag.float64:
    case tag.bigint:
      return reader.skip(8);
    case tag.text:
      reader.skipText();
      return;
    case tag.bytes:
      return reader.skipBuffer();
    case tag.array: {
      if (maxDepth <= 0) reader.fail('value-too-deep');
      for (let left = reader.readCount(1); left > 0; left--) skipAny(reader, maxDepth - 1);
      return;
    }
    case tag.object: {
      if (maxDepth <= 0) reader.fail('value-too-deep');
      for (let left = reader.readCount(2); left > 0; left--) {
        reader.skipText();
        skipAny(reader, maxDepth - 1);
      }
      return;
    }
    default:
      reader.fail('bad-struct');
  }
}

/**
 * Skips the options of a subdocument. Yjs spreads them over the constructor's own options, so they could replace the
 * guid that was read before, or put a value in place of a function that is called.
 */
export function skipDocOptions(reader: Reader, maxDepth: number): void {
  if (reader.readByte() !== tag.object) reader.fail('bad-struct');
  for (let left = reader.readCount(2); left > 0; left--) {
    const key = reader.readText();
    if (key === 'guid' || key === 'gcFilter') reader.fail('bad-struct');
    skipAny(reader, maxDepth - 1);
  }
}

/**
 * Skips a text that must be JSON. With `orUndefined` the bare word `undefined` is also allowed, which Yjs writes in
 * lists.
 */
export function skipJson(reader: Reader, maxDepth: number, orUndefined: boolean): void {
  const start = reader.pos;
  const text = reader.readText();
  if (text === 'null' || text === 'true' || text === 'false' || (orUndefined && text === 'undefined')) return;
  if (jsonDepth(text) > maxDepth) {
    reader.pos = start;
    reader.fail('value-too-deep');
  }
  try {
    JSON.parse(text);
  } catch {
    reader.pos = start;
    reader.fail('bad-json');
  }
}

/**
 * The nesting depth of brackets outside strings. Checked before parsing, so that a value that is too deep is never
 * built.
 */
function jsonDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (quoted) {
      if (code === 0x5c) i++;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth);
    else if (code === 0x5d || code === 0x7d) depth--;
  }
  return deepest;
}
