import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { Tail } from '../../../../server/sync/room/tail.ts';
import { yWebsocketCodec } from '../../../../server/sync/protocol/y-websocket-codec.ts';
import { decodeWrite } from '../../../support/fake-connection.ts';
import { passiveDoc } from '../../../support/passive-doc.ts';
import { RandomEditors } from '../../../support/random-edits.ts';
import { randomOf } from '../../../support/random.ts';
import { textFrom, Typist } from '../../../support/shared-text.ts';

/** A document written by three people, an update for each of its edits. */
function writtenDocument(count: number): { doc: Y.Doc; updates: Uint8Array[] } {
  const docs = [1, 2, 3].map((clientID) => Object.assign(new Y.Doc(), { clientID }));
  const updates: Uint8Array[] = [];
  for (const doc of docs) {
    doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === 'remote') return;
      updates.push(update);
      for (const other of docs) if (other !== doc) Y.applyUpdate(other, update, 'remote');
    });
  }
  for (let i = 0; i < count; i++) {
    const text = docs[i % docs.length]!.getText();
    if (i % 7 === 6) text.delete(0, 1);
    else text.insert(Math.floor(text.length / 2), String(i % 10));
  }
  return { doc: docs[0]!, updates };
}

function filledTail(updates: readonly Uint8Array[]): Tail {
  const tail = new Tail();
  for (const [index, update] of updates.entries()) tail.push({ lastSeq: index + 1, update });
  return tail;
}

test('merged in levels, a tail of thousands of edits is a few messages that say the same', () => {
  const { doc, updates } = writtenDocument(6_000);
  const tail = filledTail(updates);
  const blocks = tail.after(0);
  assert.ok(blocks.length <= 2 + 50 + 50, `${blocks.length} blocks`);
  assert.equal(tail.lastSeq, updates.length);
  assert.equal(
    tail.bytes,
    blocks.reduce((sum, block) => sum + block.update.length, 0),
  );
  const copy = new Y.Doc();
  for (const block of blocks) Y.applyUpdate(copy, block.update);
  assert.equal(copy.getText().toJSON(), doc.getText().toJSON());
  assert.deepEqual(Y.encodeStateVector(copy), Y.encodeStateVector(doc));
});

test('I4: the blocks of random edits of every kind say what the edits say one after the other', (t) => {
  const { updates } = new RandomEditors(randomOf(t)).edit(3_000);
  const blocks = filledTail(updates).after(0);
  assert.ok(blocks.length < updates.length / 10, `${blocks.length} blocks`);
  const copy = passiveDoc(blocks.map((block) => block.update));
  assert.deepEqual(Y.encodeStateAsUpdate(copy), Y.encodeStateAsUpdate(passiveDoc(updates)));
});

test('I3: blocks stay in the order of the log and none is lost, whatever their sizes', (t) => {
  const random = randomOf(t);
  const [small, large] = [new Typist(1), new Typist(2)];
  const tail = new Tail();
  for (let seq = 1; seq <= 3_000; seq++) {
    // Too large to merge with others: the fifty among which it stands are passed on as they are.
    const update = random.below(100) === 0 ? large.type('x'.repeat(300 * 1024)) : small.type(String(seq % 10));
    tail.push({ lastSeq: seq, update });
  }
  const blocks = tail.after(0);
  const seqs = blocks.map((block) => block.lastSeq);
  assert.deepEqual(
    seqs,
    [...new Set(seqs)].sort((a, b) => a - b),
  );
  assert.equal(seqs.at(-1), 3_000);
  const copy = new Typist().hear(...blocks.map((block) => block.update));
  assert.deepEqual(Y.encodeStateVector(copy.doc), Y.encodeStateVector(small.hear(...large.updates).doc));
});

test('after(seq) has every entry after seq, for every seq', () => {
  const { doc, updates } = writtenDocument(300);
  const tail = filledTail(updates);
  const reached = new Y.Doc();
  for (let seq = 0; seq <= updates.length; seq++) {
    if (seq > 0) Y.applyUpdate(reached, updates[seq - 1]!);
    const copy = new Y.Doc();
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(reached));
    for (const block of tail.after(seq)) Y.applyUpdate(copy, block.update);
    assert.equal(copy.getText().toJSON(), doc.getText().toJSON(), `after ${seq}`);
  }
  assert.deepEqual(tail.after(updates.length), []);
});

test('trimming forgets what the snapshot holds and nothing after it', () => {
  const { updates } = writtenDocument(120);
  const tail = filledTail(updates);
  const kept = tail.after(100);
  tail.trim(100);
  assert.deepEqual(tail.after(0), kept);
  assert.equal(
    tail.bytes,
    kept.reduce((sum, block) => sum + block.update.length, 0),
  );
  tail.trim(120);
  assert.deepEqual(tail.after(0), []);
  assert.equal(tail.bytes, 0);
  assert.equal(tail.lastSeq, 0);
});

test('large blocks are encoded once for all who join, until nobody has for five sweeps', () => {
  const writer = new Typist();
  const tail = new Tail();
  tail.push({ lastSeq: 1, update: writer.type('x'.repeat(20_000)) });
  const join = (): Uint8Array[] => tail.frames(yWebsocketCodec, tail.after(0), true);
  const [first] = join();
  assert.equal(join()[0], first);
  assert.ok(tail.memoryBytes >= 40_000, 'what is kept counts');
  for (let sweep = 0; sweep < 4; sweep++) tail.sweep();
  assert.equal(join()[0], first);
  for (let sweep = 0; sweep < 5; sweep++) tail.sweep();
  assert.equal(tail.memoryBytes, tail.bytes);
  assert.deepEqual(join(), [first]);
});

test('while somebody types, the large blocks stay encoded, and the last message is the SyncStep2', () => {
  const writer = new Typist();
  const tail = new Tail();
  tail.push({ lastSeq: 1, update: writer.type('x'.repeat(20_000)) });
  tail.push({ lastSeq: 2, update: writer.type('more') });
  const join = (): Uint8Array[] => tail.frames(yWebsocketCodec, tail.after(0), true);
  const before = join();
  tail.push({ lastSeq: 3, update: writer.type('and more') });
  const after = join();
  assert.equal(after[0], before[0]);
  const frames = after.flatMap(decodeWrite);
  assert.deepEqual(
    frames.map((frame) => frame.type),
    ['update', 'update', 'sync-step-2'],
  );
  assert.equal(textFrom(...frames.map((frame) => (frame as { update: Uint8Array }).update)), writer.text);
  tail.trim(1);
  tail.sweep();
  assert.equal(tail.memoryBytes, tail.bytes, 'what is folded is not kept');
});
