import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { TextWriter } from '../../support/text-writer.ts';
import { Arrival, rangeReader } from './arrival.ts';

test('a document has arrived when its last edit has arrived, for any pieces and any order', async () => {
  const writer = new TextWriter(5);
  const updates = ['one', 'two', 'three'].map((text) => writer.type(text));
  const [first, second, third] = updates as [Uint8Array, Uint8Array, Uint8Array];
  const arrival = new Arrival(5, writer.clock);
  arrival.take(new TextWriter(6).type('another client that types far more than that'));
  assert.equal(arrival.clock, 0);
  arrival.take(third);
  arrival.take(first);
  assert.equal(arrival.clock, 3);
  arrival.take(first);
  assert.equal(arrival.clock, 3);
  arrival.take(second);
  assert.equal(arrival.clock, writer.clock);
  await arrival.complete();
});

test('the clocks of a Skip have not arrived', () => {
  const writer = new TextWriter(5);
  const [first, , third] = ['one', 'two', 'three'].map((text) => writer.type(text));
  const arrival = new Arrival(5, writer.clock);
  arrival.take(Y.mergeUpdates([first as Uint8Array, third as Uint8Array]));
  assert.equal(arrival.clock, 3);
});

test('a large update that differs in one byte is read again', () => {
  const read = rangeReader();
  const update = new TextWriter(5).type('x'.repeat(5_000));
  const other = new TextWriter(6).type('x'.repeat(5_000));
  assert.deepEqual(read(update), [{ client: 5, start: 0, end: 5_000 }]);
  assert.deepEqual(read(update), [{ client: 5, start: 0, end: 5_000 }]);
  assert.deepEqual(read(other), [{ client: 6, start: 0, end: 5_000 }]);
});
