import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as encoding from 'lib0/encoding';
import { encodeVarUint, MessageReader } from '../../../../server/sync/protocol/wire.ts';
import { malformed } from '../../../support/refused.ts';

const numbers = [0, 1, 127, 128, 16_383, 16_384, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER];

for (const number of numbers) {
  test(`${number} is encoded as lib0 does, and decoded again`, () => {
    const bytes: number[] = [];
    encodeVarUint(bytes, number);
    const encoder = encoding.createEncoder();
    encoding.writeVarUint(encoder, number);
    assert.deepEqual(Uint8Array.from(bytes), encoding.toUint8Array(encoder));
    const reader = new MessageReader(Uint8Array.from(bytes));
    assert.equal(reader.varUint(), number);
    reader.end();
  });
}

test('numbers above 2^53 - 1 are refused, however long their encoding is', () => {
  const tooLarge = [
    [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10],
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
    [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    Array.from({ length: 1_000 }, () => 0xff),
  ];
  for (const bytes of tooLarge) {
    assert.throws(() => new MessageReader(Uint8Array.from(bytes)).varUint(), malformed);
  }
});

test('a number or byte string that ends early is refused', () => {
  for (const bytes of [[], [0x80], [0xff, 0xff]]) {
    assert.throws(() => new MessageReader(Uint8Array.from(bytes)).varUint(), malformed);
  }
  for (const bytes of [[], [1], [3, 1, 2], [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 1]]) {
    assert.throws(() => new MessageReader(Uint8Array.from(bytes)).bytes(), malformed);
  }
});

test('a byte string is a view of the message, and values are read in order', () => {
  const data = Uint8Array.of(2, 8, 9, 0, 5);
  const reader = new MessageReader(data);
  const bytes = reader.bytes();
  assert.deepEqual([...bytes], [8, 9]);
  assert.equal(bytes.buffer, data.buffer);
  assert.equal(reader.bytes().length, 0);
  assert.throws(() => reader.end(), malformed);
  assert.equal(reader.varUint(), 5);
  reader.end();
});
