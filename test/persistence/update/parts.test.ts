import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { cutIntoParts, diffStructs } from '../../../persistence/update/parts.ts';
import { scanUpdate } from '../../../persistence/update/scan.ts';
import { cpuTimeMs } from '../../support/cpu-time.ts';
import { emptyUpdate } from '../../support/frames.ts';
import { passiveDoc } from '../../support/passive-doc.ts';
import { RandomEditors } from '../../support/random-edits.ts';
import { randomOf } from '../../support/random.ts';
import type { Random } from '../../support/random.ts';
import { bytesOf, info, struct, updateOf, withoutDeletes, writtenByYjs } from '../../support/update-bytes.ts';

function randomState(random: Random): Uint8Array {
  const editors = new RandomEditors(random, 1 + random.below(5));
  editors.edit(120);
  return Y.encodeStateAsUpdate(passiveDoc(editors.updates));
}

function byClient(flat: readonly number[]): Map<number, number[]> {
  const result = new Map<number, number[]>();
  for (let i = 0; i < flat.length; i += 3) {
    const clocks = result.get(flat[i] ?? 0) ?? [];
    for (let clock = flat[i + 1] ?? 0; clock < (flat[i + 2] ?? 0); clock++) clocks.push(clock);
    result.set(
      flat[i] ?? 0,
      clocks.sort((a, b) => a - b),
    );
  }
  return result;
}

suite('cutIntoParts', () => {
  test('makes valid updates that integrate only with the last one, and then completely', (t) => {
    const random = randomOf(t);
    for (let i = 0; i < 30; i++) {
      const state = randomState(random);
      const partBytes = 50 + random.below(state.length);
      const parts = cutIntoParts(state, partBytes);
      const doc = passiveDoc();
      for (const [index, { data, bytes, intervals }] of parts.entries()) {
        assert.equal(bytes, data.length);
        assert.deepEqual(scanUpdate(data).intervals, intervals);
        if (index < parts.length - 1) assert.deepEqual(scanUpdate(data).deletes, []);
        assert.equal(doc.store.clients.size, 0, 'nothing integrates early');
        Y.applyUpdate(doc, data);
      }
      assert.equal(doc.store.pendingStructs, null);
      assert.equal(doc.store.pendingDs, null);
      assert.deepEqual(Y.encodeStateAsUpdate(doc), state);
      assert.deepEqual(byClient(parts.flatMap((part) => part.intervals)), byClient(scanUpdate(state).intervals));
    }
  });

  test('keeps to the given size, except for single structs that are larger', () => {
    const doc = new Y.Doc();
    const array = doc.getArray('array');
    for (let i = 0; i < 300; i++) array.insert(0, ['x'.repeat(i === 150 ? 5000 : 90)]);
    const sizes = cutIntoParts(Y.encodeStateAsUpdate(doc), 2000).map((part) => part.bytes);
    assert.ok(sizes.length > 15);
    assert.equal(sizes.filter((size) => size > 2200).length, 1);
  });

  test('does not cut an update within the size', (t) => {
    const state = randomState(randomOf(t));
    const parts = cutIntoParts(state, state.length);
    assert.deepEqual(parts, [{ data: state, bytes: state.length, intervals: scanUpdate(state).intervals }]);
  });
});

suite('diffStructs', () => {
  test('leaves out all deletions and the structs below a state vector, and keeps the difference to that vector', (t) => {
    const random = randomOf(t);
    for (let i = 0; i < 30; i++) {
      const editors = new RandomEditors(random, 3);
      editors.edit(80);
      const doc = passiveDoc(editors.updates);
      const update =
        random.below(2) === 0
          ? Y.encodeStateAsUpdate(doc)
          : Y.mergeUpdates(editors.updates.filter(() => random.below(3) > 0));
      const vector = new Map(
        [...Y.decodeStateVector(Y.encodeStateVector(doc))].map(([client, end]) => [client, random.below(end + 1)]),
      );
      const diff = diffStructs(update, vector);
      assert.deepEqual(scanUpdate(diff).deletes, []);
      assert.ok(diff.length <= update.length);
      const encoded = Y.encodeStateVector(vector);
      // Rewritten by Yjs once more: for a cut entry of a map it sets the flag of a key without writing one, but only
      // the first time.
      const expected = writtenByYjs(withoutDeletes(Y.diffUpdate(update, encoded)));
      assert.deepEqual(writtenByYjs(diff), expected);
    }
  });

  test('I6: cutting one struct does not decode the others', () => {
    const structs = Array.from({ length: 100_000 }, (_, i) =>
      i === 0 ? struct.text('x') : struct.textAfter(5, i - 1, 'x'),
    );
    const update = updateOf([
      { client: 9, clock: 0, structs: [struct.text('ab')] },
      { client: 5, clock: 0, structs },
    ]);
    const vector = new Map([[9, 1]]);
    const expected = Y.diffUpdate(update, Y.encodeStateVector(vector));
    assert.equal(Buffer.compare(diffStructs(update, vector), expected), 0);
    const yjsMs = cpuTimeMs(() => Y.diffUpdate(update, Y.encodeStateVector(vector)), 0);
    const ourMs = cpuTimeMs(() => diffStructs(update, vector), 0);
    assert.ok(ourMs < yjsMs, `${ourMs.toFixed(1)} ms, ${yjsMs.toFixed(1)} with Yjs`);
  });

  test('cuts a list of values anywhere like Yjs', (t) => {
    const random = randomOf(t);
    const [first, second] = [new Y.Doc(), new Y.Doc()];
    first.clientID = 9;
    second.clientID = 5;
    first.getArray('array').insert(0, [new Y.Array(), 'x']);
    Y.applyUpdate(second, Y.encodeStateAsUpdate(first));
    const array = second.getArray<unknown>('array');
    for (const target of [array, array.get(0) as Y.Array<unknown>, second.getArray('other')]) {
      for (let i = 0; i < 4; i++) target.insert(random.below(target.length + 1), values.slice(random.below(8)));
    }
    const updates = [Y.encodeStateAsUpdate(second), ...jsonLists];
    for (const update of updates) {
      const ends = Y.decodeStateVector(Y.encodeStateVectorFromUpdate(update));
      const client = ends.has(5) ? 5 : 6;
      const end = ends.get(client) ?? 0;
      assert.ok(end > 2);
      for (let clock = 1; clock < end; clock++) {
        const vector = new Map([[client, clock]]);
        const expected = withoutDeletes(Y.diffUpdate(update, Y.encodeStateVector(vector)));
        assert.deepEqual(diffStructs(update, vector), expected, `cut at ${clock}`);
      }
    }
  });

  test('I6: cutting a list of a million values does not decode them', () => {
    const structs = [bytesOf(Uint8Array.of(info.any), 1, 'text', 1_000_000, new Uint8Array(1_000_000).fill(126))];
    const update = updateOf([{ client: 5, clock: 0, structs }]);
    const vector = new Map([[5, 1_234]]);
    const yjsMs = cpuTimeMs(() => Y.diffUpdate(update, Y.encodeStateVector(vector)), 0);
    const ourMs = cpuTimeMs(() => diffStructs(update, vector), 0);
    assert.ok(ourMs < yjsMs / 3, `${ourMs.toFixed(1)} ms, ${yjsMs.toFixed(1)} with Yjs`);
  });

  test('leaves out only the deletions for a client without content, and everything for an up-to-date client', (t) => {
    const state = randomState(randomOf(t));
    assert.deepEqual(diffStructs(state, new Map()), withoutDeletes(state));
    const { intervals } = scanUpdate(state);
    const all = new Map<number, number>();
    for (let i = 0; i < intervals.length; i += 3) all.set(intervals[i] ?? 0, intervals[i + 2] ?? 0);
    assert.deepEqual(diffStructs(state, all), emptyUpdate);
  });
});

/** One value of each kind, some of them nested. */
const values = [1, 'text', null, { a: [1, { b: 'c' }] }, [2, [3]], true, 0.5, new Uint8Array(3), -70, 2 ** 40];

/** Lists of JSON texts, which only old clients write: with a root parent, and behind another item. */
const jsonLists = [
  bytesOf(Uint8Array.of(2), 1, 'array', 3, '1', '{"a":[2]}', 'undefined'),
  bytesOf(Uint8Array.of(2 | info.origin | info.rightOrigin), 7, 0, 8, 300, 3, '"x"', '[]', 'null'),
].map((list) => updateOf([{ client: 6, clock: 0, structs: [list] }]));
