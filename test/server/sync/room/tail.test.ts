import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { scanUpdate } from '../../../../persistence/update/scan.ts';
import { readingWeight } from '../../../../persistence/update/weight.ts';
import { maxMergeWeight } from '../../../../server/sync/offload.ts';
import { mergeSegments, Tail } from '../../../../server/sync/room/tail.ts';
import type { Segment } from '../../../../server/sync/room/tail.ts';
import { passiveDoc } from '../../../support/passive-doc.ts';
import { RandomEditors } from '../../../support/random-edits.ts';
import { randomOf } from '../../../support/random.ts';
import { Typist } from '../../../support/shared-text.ts';
import { TextWriter } from '../../../support/text-writer.ts';
import { struct, updateOf } from '../../../support/update-bytes.ts';

const kib = 1024;

/** A document that three users have written, with one update for each edit. */
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

function segmentsOf(updates: readonly Uint8Array[]): Segment[] {
  return updates.map((update, index) => ({ lastSeq: index + 1, update }));
}

function filledTail(updates: readonly Uint8Array[]): Tail {
  const tail = new Tail();
  for (const segment of segmentsOf(updates)) tail.push(segment);
  return tail;
}

test('merged in levels, a tail of thousands of edits becomes a few equivalent segments', () => {
  const { doc, updates } = writtenDocument(6_000);
  const tail = filledTail(updates);
  const segments = tail.after(0);
  assert.ok(segments.length <= 2 + 50 + 50, `${segments.length} segments`);
  assert.equal(segments.at(-1)?.lastSeq, updates.length);
  assert.equal(
    tail.bytes,
    segments.reduce((sum, segment) => sum + segment.update.length, 0),
  );
  const copy = new Y.Doc();
  for (const segment of segments) Y.applyUpdate(copy, segment.update);
  assert.equal(copy.getText().toJSON(), doc.getText().toJSON());
  assert.deepEqual(Y.encodeStateVector(copy), Y.encodeStateVector(doc));
});

test('I4: the segments of random edits of every kind are equivalent to the edits in order', (t) => {
  const { updates } = new RandomEditors(randomOf(t)).edit(3_000);
  const segments = filledTail(updates).after(0);
  assert.ok(segments.length < updates.length / 10, `${segments.length} segments`);
  const copy = passiveDoc(segments.map((segment) => segment.update));
  assert.deepEqual(Y.encodeStateAsUpdate(copy), Y.encodeStateAsUpdate(passiveDoc(updates)));
});

test('I3: segments of any size stay in the order of the log and none is lost', (t) => {
  const random = randomOf(t);
  const [small, large] = [new Typist(1), new Typist(2)];
  const tail = new Tail();
  for (let seq = 1; seq <= 3_000; seq++) {
    // Too large to merge: the fifty segments around it are moved up unchanged.
    const update = random.below(100) === 0 ? large.type('x'.repeat(300 * kib)) : small.type(String(seq % 10));
    tail.push({ lastSeq: seq, update });
  }
  const segments = tail.after(0);
  const seqs = segments.map((segment) => segment.lastSeq);
  assert.deepEqual(
    seqs,
    [...new Set(seqs)].sort((a, b) => a - b),
  );
  assert.equal(seqs.at(-1), 3_000);
  const copy = new Typist().hear(...segments.map((segment) => segment.update));
  assert.deepEqual(Y.encodeStateVector(copy.doc), Y.encodeStateVector(small.hear(...large.updates).doc));
});

test('after(seq) returns every entry after seq, for every seq', () => {
  const { doc, updates } = writtenDocument(300);
  const tail = filledTail(updates);
  const reached = new Y.Doc();
  for (let seq = 0; seq <= updates.length; seq++) {
    if (seq > 0) Y.applyUpdate(reached, updates[seq - 1]!);
    const copy = new Y.Doc();
    Y.applyUpdate(copy, Y.encodeStateAsUpdate(reached));
    for (const segment of tail.after(seq)) Y.applyUpdate(copy, segment.update);
    assert.equal(copy.getText().toJSON(), doc.getText().toJSON(), `after ${seq}`);
  }
  assert.deepEqual(tail.after(updates.length), []);
});

test('trimming drops the entries that the snapshot holds and no later ones', () => {
  const { updates } = writtenDocument(120);
  const tail = filledTail(updates);
  const kept = tail.after(100);
  tail.trim(100);
  assert.deepEqual(tail.after(0), kept);
  assert.equal(
    tail.bytes,
    kept.reduce((sum, segment) => sum + segment.update.length, 0),
  );
  tail.trim(120);
  assert.deepEqual(tail.after(0), []);
  assert.equal(tail.bytes, 0);
});

test('a few small segments become one, with the last sequence number', () => {
  const writer = new TextWriter(1);
  const [segment, ...others] = mergeSegments(segmentsOf(['a', 'b', 'c'].map((text) => writer.type(text))));
  assert.equal(others.length, 0);
  assert.equal(segment?.lastSeq, 3);
  assert.deepEqual(scanUpdate(segment.update).intervals, [1, 0, 3]);
  assert.deepEqual(mergeSegments([]), []);
});

test('I3, I6: neighbouring segments are merged up to a weight, in order, and large segments stay as they are', () => {
  const writer = new TextWriter(1);
  const sizes = [1, 100, 100, 100, 300, 1, 1];
  const segments = segmentsOf(sizes.map((size) => writer.type('x'.repeat(size * kib))));
  const merged = mergeSegments(segments);
  assert.deepEqual(
    merged.map(({ lastSeq }) => lastSeq),
    [3, 4, 5, 7],
  );
  assert.equal(merged[2]?.update, segments[4]?.update);
  assert.deepEqual(
    merged.map(({ update }) => scanUpdate(update).intervals[2]),
    [201 * kib, 301 * kib, 601 * kib, 603 * kib],
  );
});

test('I6: client ids weigh more than their bytes, so two updates with 3,000 clients are not merged', () => {
  const updates = [manyClients(1_000_000), manyClients(900_000)];
  assert.ok(updates.every((update) => update.length < 30 * kib && readingWeight(update) < maxMergeWeight));
  assert.equal(mergeSegments(segmentsOf(updates)).length, 2);
});

test('I6: structs weigh more than their bytes, so updates that would take long to merge are not merged', () => {
  const updates = [1, 2].map((client) => tinyStructs(client, 6_000));
  assert.ok(updates.every((update) => update.length < 60 * kib));
  const merged = mergeSegments(segmentsOf(updates));
  assert.deepEqual(
    merged.map(({ update }) => update),
    updates,
  );
});

test('I3 I6: the segments of one entry follow each other, merged only if that is quick', () => {
  const writer = new TextWriter(1);
  const large = (): Uint8Array => writer.type('x'.repeat(200 * kib));
  const segments = [1, 2, 2, 3].map((lastSeq) => ({ lastSeq, update: large() }));
  assert.deepEqual(mergeSegments(segments), segments);
  const small = [1, 2, 2, 3].map((lastSeq) => ({ lastSeq, update: writer.type('x') }));
  assert.deepEqual(
    mergeSegments(small).map(({ lastSeq }) => lastSeq),
    [3],
  );
});

test('I6: one call merges a limited weight, for any number of segments', () => {
  const updates = Array.from({ length: 200 }, (_, i) => tinyStructs(1_000 - i, 500));
  const result = mergeSegments(segmentsOf(updates));
  const merged = result.filter(({ update }) => !updates.includes(update));
  assert.ok(merged.length > 0 && merged.length <= 3, `${merged.length} merged segments`);
  assert.equal(result.at(-1)?.lastSeq, 200);
  const brought = result.flatMap(({ update }) => [...scanUpdate(update).intervals]).filter((_, i) => i % 3 === 0);
  assert.deepEqual(
    brought.sort((a, b) => a - b),
    updates.map((_, i) => 801 + i),
  );
});

function tinyStructs(client: number, count: number): Uint8Array {
  const structs = Array.from({ length: count }, (_, clock) =>
    clock === 0 ? struct.text('x') : struct.textAfter(client, clock - 1, 'x'),
  );
  return updateOf([{ client, clock: 0, structs }]);
}

function manyClients(first: number): Uint8Array {
  return updateOf(Array.from({ length: 3_000 }, (_, i) => ({ client: first - i, clock: 0, structs: [struct.gc(1)] })));
}
