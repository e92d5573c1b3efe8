import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { randomOf } from './random.ts';
import { deletedRanges, textRanges } from './text-ranges.ts';
import { sharedTextName, TextWriter } from './text-writer.ts';

test('a TextWriter writes what Yjs reads as text, and the same bytes that Yjs would send', () => {
  const doc = new Y.Doc();
  doc.clientID = 7;
  const sent: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => sent.push(update));
  for (const [index, text] of ['a', 'b', 'ü', '😀', 'word'].entries()) {
    doc.getText(sharedTextName).insert([0, 1, 2, 3, 5][index] ?? 0, text);
  }
  const writer = new TextWriter(7);
  assert.deepEqual(
    ['a', 'b', 'ü', '😀', 'word'].map((text) => writer.type(text)),
    sent,
  );
});

test('a TextWriter erases what it wrote', () => {
  const writer = new TextWriter(300);
  const doc = new Y.Doc();
  for (const update of [writer.type('abc'), writer.typeItems(['d', 'ef']), writer.erase(1, 3)])
    Y.applyUpdate(doc, update);
  assert.equal(doc.getText(sharedTextName).toJSON(), 'aef');
  assert.equal(doc.store.pendingStructs, null);
});

test('text ranges are the clocks of an update, however it was merged, and holes are not covered', (t) => {
  const random = randomOf(t);
  const writers = [1, 20_000, 2 ** 31].map((client) => new TextWriter(client));
  const updates: Uint8Array[] = [];
  const expected = new Set<string>();
  for (let edit = 0; edit < 300; edit++) {
    const writer = random.pick(writers);
    const text = random.pick(['x', 'yz', 'ü', '😀']);
    const start = writer.clock;
    const update = writer.type(text);
    if (random.fraction() < 0.2) continue;
    updates.push(update);
    for (let clock = start; clock < writer.clock; clock++) expected.add(`${writer.client}:${clock}`);
  }
  const covered = new Set<string>();
  for (const { client, start, end } of textRanges(Y.mergeUpdates(updates))) {
    for (let clock = start; clock < end; clock++) covered.add(`${client}:${clock}`);
  }
  assert.deepEqual([...covered].sort(), [...expected].sort());
});

test('text ranges of a document that Yjs has collected garbage in are complete', () => {
  const doc = new Y.Doc();
  const writer = new TextWriter(5);
  Y.applyUpdate(doc, writer.type('abcdef'));
  Y.applyUpdate(doc, writer.erase(1, 2));
  assert.deepEqual(textRanges(Y.encodeStateAsUpdate(doc)), [{ client: 5, start: 0, end: 6 }]);
  assert.deepEqual(deletedRanges(Y.encodeStateAsUpdate(doc)), [{ client: 5, start: 1, end: 3 }]);
});
