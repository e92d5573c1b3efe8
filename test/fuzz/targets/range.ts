import assert from 'node:assert/strict';
import { MalformedUpdateError } from '../../../persistence/errors.ts';
import { RangeSet } from '../../../persistence/update/ranges.ts';
import { flatOf } from '../../support/flat-ranges.ts';
import { bytesOf } from '../../support/update-bytes.ts';
import type { Random } from '../../support/random.ts';
import type { FuzzTarget } from '../target.ts';
import { assertAscending } from '../yjs-facts.ts';

/** The clocks of the model are below this, so that ranges meet. */
const modelClocks = 4_096;

/** Delete sets. Encoding inverts decoding, and the set operations have the results of a plain set of clocks. */
export const rangeTarget: FuzzTarget<RangeSet> = {
  seeds: () => [
    bytesOf(0),
    bytesOf(1, 1, 1, 0, 1),
    bytesOf(2, 9, 2, 0, 3, 5, 1, 4, 1, 7, 1),
    bytesOf(1, 2 ** 53 - 1, 1, 2 ** 32 - 2, 1),
  ],
  generate: deleteSet,
  decode: (input) => RangeSet.decodeDeleteSet(input),
  refusal: (error) => (error instanceof MalformedUpdateError ? error.code : null),
  check(set) {
    const again = RangeSet.decodeDeleteSet(set.encodeDeleteSet());
    assert.ok(again.equals(set) && again.rangeCount === set.rangeCount, 'is not read as it was written');
    checkAgainstModel(flatOf(set));
    return `${Math.min(set.rangeCount, 8)} ranges`;
  },
};

/** Adds two of three pieces to a set, from both ends, and compares queries for the third with a plain set of clocks. */
function checkAgainstModel(flat: readonly number[]): void {
  const pieces = inTriples(flat).flatMap(([client = 0, start = 0, end = 0]) => {
    const from = start % modelClocks;
    const to = from + Math.min(end - start, 64);
    const middle = (from + to) >>> 1;
    return [
      [client % 3, from, middle],
      [client % 3, middle, to],
    ];
  });
  const known = inTurns(pieces.filter((_, i) => i % 3 < 2));
  const asked = pieces.filter((_, i) => i % 3 === 2);
  const set = RangeSet.from(known.flat());
  const model = clocksOf(known);
  assert.deepEqual(clocksOf(inTriples(flatOf(set))), model, 'ranges are joined wrongly');
  assertAscending(flatOf(set), 'ranges that meet or descend');
  const together = RangeSet.from(known.toSorted(byClock).flat());
  assert.ok(together.equals(set) && together.rangeCount === set.rangeCount, 'a sorted list is merged wrongly');
  const missing = without(clocksOf(asked), model);
  assert.deepEqual(clocksOf(inTriples([...set.missing(asked.flat())])), missing, 'what is missing is wrong');
  assert.equal(set.covers(RangeSet.from(asked.flat())), missing.size === 0, 'what is covered is wrong');
  assert.equal(set.clone().addAll(asked.flat()), missing.size > 0, 'what is new is wrong');
}

/** A text `client clock` for each clock, sorted. */
function clocksOf(triples: readonly (readonly number[])[]): Set<string> {
  const clocks = new Set<string>();
  for (const [client = 0, start = 0, end = 0] of triples) {
    for (let clock = start; clock < end; clock++) clocks.add(`${client} ${clock}`);
  }
  return new Set([...clocks].sort());
}

function byClock(a: readonly number[], b: readonly number[]): number {
  return (a[0] ?? 0) - (b[0] ?? 0) || (a[1] ?? 0) - (b[1] ?? 0);
}

/** The items in the order first, last, second, second to last. */
function inTurns<T>(items: readonly T[]): T[] {
  const half = items.slice(0, items.length >>> 1);
  const back = items.slice(items.length >>> 1).toReversed();
  return back.flatMap((item, i) => [...half.slice(i, i + 1), item]);
}

function without(clocks: ReadonlySet<string>, known: ReadonlySet<string>): Set<string> {
  return new Set([...clocks].filter((clock) => !known.has(clock)));
}

function inTriples(flat: readonly number[]): number[][] {
  return Array.from({ length: flat.length / 3 }, (_, i) => flat.slice(i * 3, i * 3 + 3));
}

function deleteSet(random: Random): Uint8Array {
  const clients = Array.from({ length: random.below(4) }, (_, i) => {
    const ranges: number[] = [];
    const count = 1 + random.below(6);
    for (let n = 0, clock = 0; n < count; n++) {
      clock += random.below(20);
      const length = 1 + random.below(20);
      ranges.push(clock, length);
      clock += length;
    }
    return [100 - i, count, ...ranges];
  });
  return bytesOf(clients.length, ...clients.flat());
}
