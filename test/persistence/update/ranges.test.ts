import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as Y from 'yjs';
import { MalformedUpdateError } from '../../../persistence/errors.ts';
import { RangeSet } from '../../../persistence/update/ranges.ts';
import { scanUpdate } from '../../../persistence/update/scan.ts';
import { collectGarbage } from '../../support/collect-garbage.ts';
import { cpuTimeMs } from '../../support/cpu-time.ts';
import { flatOf } from '../../support/flat-ranges.ts';
import { randomOf, shuffled } from '../../support/random.ts';
import type { Random } from '../../support/random.ts';
import { assertTook } from '../../support/slowness.ts';

const clockLimit = 60;

/** A model of the set that stores single clocks. */
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

/** The triples sorted by client and start, because a set keeps clients in the order in which they were added. */
function sorted(flat: readonly number[]): number[] {
  return inTriples(flat)
    .sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0))
    .flat();
}

/** Flat, ascending triples of one client. Some are adjacent. */
function ascending(random: Random, client: number, count: number): number[] {
  const flat: number[] = [];
  let clock = random.below(20);
  for (let i = 0; i < count; i++) {
    const end = clock + 1 + random.below(5);
    flat.push(client, clock, end);
    clock = end + random.below(5);
  }
  return flat;
}

/** 300,000 ranges of a single clock, at every fourth clock. */
function spread(start: number): Float64Array {
  const flat = new Float64Array(900_000);
  for (let i = 0; i < flat.length; i += 3) flat.set([7, start + (i / 3) * 4, start + (i / 3) * 4 + 1], i);
  return flat;
}

/** The memory of typed arrays, in bytes. */
async function bytesOfArrays(): Promise<number> {
  // V8 frees the memory of a collected array at the next collection.
  for (let i = 0; i < 3; i++) {
    collectGarbage();
    await nextTurn();
  }
  return process.memoryUsage().arrayBuffers;
}

function inTriples(flat: readonly number[]): number[][] {
  return Array.from({ length: flat.length / 3 }, (_, i) => flat.slice(3 * i, 3 * i + 3));
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
      assert.deepEqual(sorted(flatOf(ranges)), flat);
      assert.equal(ranges.rangeCount, flat.length / 3);
      assert.deepEqual(sorted(flatOf(RangeSet.decodeDeleteSet(ranges.encodeDeleteSet()))), flat);

      const other = RangeSet.from(Array.from({ length: 5 }, () => randomRange(random)).flat());
      const missing = ranges.missing(flatOf(other));
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
      assert.deepEqual(sorted(flatOf(ranges)), flat, 'the original of a clone stays');
    }
  });

  test('merging lists of ranges equals adding the ranges one by one', (t) => {
    const random = randomOf(t);
    for (let i = 0; i < 300; i++) {
      const [merged, single] = [new RangeSet(), new RangeSet()];
      for (let k = 0; k < 6; k++) {
        const ranges = [1, 2].flatMap((client) => inTriples(ascending(random, client, random.below(12))));
        // One of three lists is in any order, in groups by client or not.
        const list = (random.below(3) > 0 ? ranges : shuffled(ranges, random)).flat();
        let anyNew = false;
        for (let at = 0; at < list.length; at += 3) {
          if (single.add(list[at] ?? 0, list[at + 1] ?? 0, list[at + 2] ?? 0)) anyNew = true;
        }
        const before = merged.encodeDeleteSet();
        assert.equal(merged.addAll(Float64Array.from(list)), anyNew);
        assert.equal(merged.encodeDeleteSet() === before, !anyNew, 'encoded again only if something is new');
        assert.deepEqual(flatOf(merged), flatOf(single));
        assert.equal(merged.rangeCount, flatOf(merged).length / 3);
        for (const client of [1, 2]) {
          const clock = random.below(clockLimit);
          const beyond = inTriples(flatOf(merged)).filter(([owner, , end = 0]) => owner === client && end > clock);
          assert.equal(merged.rangesBeyond(client, clock), beyond.length);
        }
      }
    }
  });

  test('I7: ranges that a list joins give their memory back', async () => {
    const set = RangeSet.from(spread(0));
    const gaps = Array.from({ length: 300_000 }, (_, i) => [7, 4 * i + 1, 4 * i + 4]).flat();
    const beforeBytes = await bytesOfArrays();
    set.addAll(gaps);
    assert.equal(set.rangeCount, 1);
    const freedBytes = beforeBytes - (await bytesOfArrays());
    assert.ok(freedBytes > 300_000 * 8 * 0.9, `${freedBytes} bytes`);
  });

  test('I6: 300,000 ranges between 300,000 others take no longer than after them', () => {
    const [known, between, behind] = [spread(0), spread(2), spread(2_000_000)];
    const tookMs = (added: Float64Array): number => {
      const set = RangeSet.from(known);
      return cpuTimeMs(() => assert.ok(set.addAll(added)), Infinity);
    };
    tookMs(behind);
    const [betweenMs, behindMs] = [tookMs(between), tookMs(behind)];
    assert.ok(betweenMs < 8 * behindMs + 10, `${betweenMs.toFixed(1)} ms between, ${behindMs.toFixed(1)} ms behind`);
    const set = RangeSet.from(known);
    set.addAll(between);
    assertTook(
      cpuTimeMs(() => assert.equal(set.missing(known).length, 0), 50),
      50,
      'finding that all is known took',
    );
    assertTook(
      cpuTimeMs(() => set.encodeDeleteSet(), 50),
      50,
      'encoding took',
    );
  });

  test('encodes a delete set byte for byte like Yjs', (t) => {
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
    assert.deepEqual(flatOf(RangeSet.decodeDeleteSet(state.slice(deleteSetOffset))), deletes);
  });

  test('holds clocks up to 2^32 - 1', () => {
    const ranges = RangeSet.from([1, 2 ** 32 - 3, 2 ** 32 - 2]);
    assert.ok(ranges.add(1, 2 ** 32 - 2, 2 ** 32 - 1));
    assert.deepEqual(flatOf(ranges), [1, 2 ** 32 - 3, 2 ** 32 - 1]);
    assert.equal(ranges.endOf(1), 2 ** 32 - 1);
    assert.equal(ranges.endOf(2), 0);
  });

  test('rejects bytes that are not a delete set', () => {
    for (const bytes of [[], [1], [0, 0], [1, 1, 2, 0, 1]]) {
      assert.throws(() => RangeSet.decodeDeleteSet(Uint8Array.from(bytes)), MalformedUpdateError);
    }
  });

  test('takes 10,000 ranges in any order in little time and with 8 bytes each (I7)', (t) => {
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

  test('caches its encoding until a new range is added', () => {
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
      const before = flatOf(ranges);
      ranges.add(client, start, end);
      assert.notDeepEqual(flatOf(ranges), before);
      assert.deepEqual(ranges.encodeDeleteSet(), ranges.clone().encodeDeleteSet());
    }
    ranges.deleteClient(7);
    assert.deepEqual(ranges.encodeDeleteSet(), ranges.clone().encodeDeleteSet());
  });
});
