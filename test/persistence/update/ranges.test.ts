import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { MalformedUpdateError } from '../../../persistence/errors.ts';
import { RangeSet } from '../../../persistence/update/ranges.ts';
import { scanUpdate } from '../../../persistence/update/scan.ts';
import { cpuTimeMs } from '../../support/cpu-time.ts';
import { randomOf, type Random } from '../../support/random.ts';
import { assertTook } from '../../support/slowness.ts';

const clockLimit = 60;

/** The same set, one clock at a time. */
class PlainSet {
  readonly clocks = new Set<string>();

  add(client: number, start: number, end: number): boolean {
    const before = this.clocks.size;
    for (let clock = start; clock < end; clock++) this.clocks.add(`${client} ${clock}`);
    return this.clocks.size > before;
  }

  contains(client: number, start: number, end: number): boolean {
    for (let clock = start; clock < end; clock++) if (!this.clocks.has(`${client} ${clock}`)) return false;
    return true;
  }

  toFlat(): number[] {
    const flat: number[] = [];
    for (const client of [1, 2]) {
      for (let clock = 0; clock < clockLimit * 2; clock++) {
        if (!this.clocks.has(`${client} ${clock}`)) continue;
        if (flat.at(-3) === client && flat.at(-1) === clock) flat[flat.length - 1] = clock + 1;
        else flat.push(client, clock, clock + 1);
      }
    }
    return flat;
  }
}

function randomRange(random: Random): [client: number, start: number, end: number] {
  const start = random.below(clockLimit);
  return [1 + random.below(2), start, start + random.below(9)];
}

/** The triples by client, ascending: a set keeps clients in the order in which they came. */
function sorted(flat: readonly number[]): number[] {
  const triples = Array.from({ length: flat.length / 3 }, (_, i) => flat.slice(3 * i, 3 * i + 3));
  return triples.sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0)).flat();
}

suite('RangeSet', () => {
  test('does with ranges what a plain set does with single clocks', (t) => {
    const random = randomOf(t);
    for (let i = 0; i < 200; i++) {
      const ranges = new RangeSet();
      const plain = new PlainSet();
      for (let k = 0; k < 40; k++) {
        const range = randomRange(random);
        assert.equal(ranges.add(...range), plain.add(...range));
        const asked = randomRange(random);
        assert.equal(ranges.contains(...asked), plain.contains(...asked), `contains ${asked.join(' ')}`);
      }
      const flat = plain.toFlat();
      assert.deepEqual(sorted(ranges.toFlat()), flat);
      assert.equal(ranges.rangeCount, flat.length / 3);
      assert.deepEqual(sorted(RangeSet.decodeDeleteSet(ranges.encodeDeleteSet()).toFlat()), flat);

      const other = RangeSet.from(Array.from({ length: 5 }, () => randomRange(random)).flat());
      const missing = ranges.missing(other.toFlat());
      for (let at = 0; at < missing.length; at += 3) {
        for (let clock = missing[at + 1] ?? 0; clock < (missing[at + 2] ?? 0); clock++) {
          assert.ok(!ranges.contains(missing[at] ?? 0, clock, clock + 1));
        }
      }
      assert.equal(ranges.covers(other), missing.length === 0);
      const both = ranges.clone();
      assert.equal(both.addAll(missing), missing.length > 0);
      assert.ok(both.covers(other) && both.covers(ranges));
      assert.equal(both.equals(ranges), missing.length === 0);
      assert.deepEqual(sorted(ranges.toFlat()), flat, 'the original of a clone stays');
    }
  });

  test('writes a delete set byte for byte as Yjs does', (t) => {
    const random = randomOf(t);
    const docs = [1, 5, 300].map((clientID) => Object.assign(new Y.Doc({ gc: false }), { clientID }));
    for (let i = 0; i < 200; i++) {
      const { doc, other } = { doc: random.pick(docs), other: random.pick(docs) };
      const text = doc.getText('text');
      if (random.below(2) === 0 || text.length === 0) text.insert(random.below(text.length + 1), 'word');
      else text.delete(random.below(text.length), 1);
      Y.applyUpdate(doc, Y.encodeStateAsUpdate(other));
    }
    const state = Y.encodeStateAsUpdate(docs[0] as Y.Doc);
    const { deletes, deleteSetOffset } = scanUpdate(state);
    assert.ok(deletes.length > 0);
    assert.deepEqual(RangeSet.from(deletes).encodeDeleteSet(), state.slice(deleteSetOffset));
    assert.deepEqual(RangeSet.decodeDeleteSet(state.slice(deleteSetOffset)).toFlat(), deletes);
  });

  test('holds clocks up to 2^32 - 1', () => {
    const ranges = RangeSet.from([1, 2 ** 32 - 3, 2 ** 32 - 2]);
    assert.ok(ranges.add(1, 2 ** 32 - 2, 2 ** 32 - 1));
    assert.deepEqual(ranges.toFlat(), [1, 2 ** 32 - 3, 2 ** 32 - 1]);
    assert.equal(ranges.endOf(1), 2 ** 32 - 1);
    assert.equal(ranges.endOf(2), 0);
  });

  test('refuses bytes that are no delete set', () => {
    for (const bytes of [[], [1], [0, 0], [1, 1, 2, 0, 1]]) {
      assert.throws(() => RangeSet.decodeDeleteSet(Uint8Array.from(bytes)), MalformedUpdateError);
    }
  });

  test('takes 10,000 ranges in any order in little time and 8 bytes each (I7)', (t) => {
    const random = randomOf(t);
    const starts = Array.from({ length: 10_000 }, (_, i) => i * 3);
    for (let i = starts.length - 1; i > 0; i--) {
      const other = random.below(i + 1);
      [starts[i], starts[other]] = [starts[other] ?? 0, starts[i] ?? 0];
    }
    const ranges = new RangeSet();
    const tookMs = cpuTimeMs(() => {
      for (const start of starts) ranges.add(1, start, start + 1);
    }, Infinity);
    assert.equal(ranges.rangeCount, 10_000);
    assertTook(tookMs, 500, 'adding took');
  });

  test('is encoded once, until something new comes', () => {
    const ranges = RangeSet.from([7, 2, 4, 7, 8, 9]);
    const encoded = ranges.encodeDeleteSet();
    ranges.addAll([7, 2, 4, 7, 3, 4]);
    assert.equal(ranges.encodeDeleteSet(), encoded);
    for (const [client, start, end] of [
      [7, 9, 10],
      [7, 20, 21],
      [7, 5, 6],
      [3, 0, 1],
    ] as const) {
      const before = ranges.toFlat();
      ranges.add(client, start, end);
      assert.notDeepEqual(ranges.toFlat(), before);
      assert.deepEqual(ranges.encodeDeleteSet(), ranges.clone().encodeDeleteSet());
    }
    ranges.deleteClient(7);
    assert.deepEqual(ranges.encodeDeleteSet(), ranges.clone().encodeDeleteSet());
  });
});
