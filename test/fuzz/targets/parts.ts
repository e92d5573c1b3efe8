import assert from 'node:assert/strict';
import * as Y from 'yjs';
import { MalformedUpdateError } from '../../../persistence/errors.ts';
import { mergeInLevels } from '../../../persistence/update/merge.ts';
import { cutIntoParts, diffStructs } from '../../../persistence/update/parts.ts';
import type { UpdatePart } from '../../../persistence/update/parts.ts';
import { RangeSet } from '../../../persistence/update/ranges.ts';
import { scanRuns } from '../../../persistence/update/runs.ts';
import type { Run } from '../../../persistence/update/runs.ts';
import { noScanLimits, scanUpdate } from '../../../persistence/update/scan.ts';
import type { ScannedFacts } from '../../../persistence/update/scan.ts';
import { decodeStateVector, encodeStateVector } from '../../../persistence/update/state-vector.ts';
import { hostileUpdate } from '../random-update.ts';
import { realUpdates } from '../real-updates.ts';
import type { FuzzTarget } from '../target.ts';
import { docOf, quietly } from '../yjs-doc.ts';
import { withoutDeletes } from '../../support/update-bytes.ts';

/** The number of parts, plus one for each struct that is larger than a part. */
const partCount = 4;

interface Cut {
  readonly facts: ScannedFacts;
  readonly parts: readonly UpdatePart[];
  readonly runs: readonly Run[];
  readonly merged: Uint8Array;
}

/**
 * Cutting, merging and comparing updates by their bytes. Nothing is lost, and Yjs makes the same document of the
 * result.
 */
export const partsTarget: FuzzTarget<Cut> = {
  seeds: realUpdates,
  generate: hostileUpdate,
  decode(input) {
    const facts = scanUpdate(input);
    const parts = cutIntoParts(input, Math.ceil(input.length / partCount));
    return { facts, parts, runs: scanRuns(input), merged: mergeInLevels(parts.map(({ data }) => data)) };
  },
  refusal: (error) => (error instanceof MalformedUpdateError ? error.code : null),
  check({ facts, parts, runs, merged }, input) {
    const brought = RangeSet.from(facts.intervals);
    for (const { data, intervals } of parts) {
      assert.deepEqual(scanUpdate(data, noScanLimits).intervals, intervals, 'the intervals of a part are wrong');
    }
    assert.ok(RangeSet.from(parts.flatMap(({ intervals }) => [...intervals])).equals(brought), 'parts lose something');
    assert.ok(
      RangeSet.from(runs.flatMap(({ client, clock, end }) => [client, clock, end])).equals(brought),
      'runs lose something',
    );
    const mergedFacts = scanUpdate(merged, noScanLimits);
    assert.ok(RangeSet.from(mergedFacts.intervals).equals(brought), 'merging loses something');
    assert.ok(RangeSet.from(mergedFacts.deletes).equals(RangeSet.from(facts.deletes)), 'merging loses deletions');
    quietly(() => {
      const whole = Y.encodeStateAsUpdate(docOf(input));
      const doc = docOf(...parts.slice(0, -1).map(({ data }) => data));
      if (parts.length > 1) assert.equal(doc.store.clients.size, 0, 'something integrates before the last part');
      Y.applyUpdate(doc, parts.at(-1)?.data ?? Uint8Array.of(0, 0));
      compare(Y.encodeStateAsUpdate(doc), whole, 'parts make another document');
      compare(Y.encodeStateAsUpdate(docOf(merged)), whole, 'merged parts make another document');
      const vector = halfOf(facts);
      const diff = diffStructs(input, decodeStateVector(vector));
      compare(diff, withoutDeletes(Y.diffUpdate(input, vector)), 'a difference is not what Yjs finds');
    });
    return `${Math.min(parts.length, 5)} parts, ${Math.min(runs.length, 5)} runs`;
  },
};

/** Compares content. Updates with the same content may cut structs at other places. */
function compare(update: Uint8Array, expected: Uint8Array, what: string): void {
  if (Buffer.from(update).equals(expected)) return;
  const [facts, others] = [scanUpdate(update, noScanLimits), scanUpdate(expected, noScanLimits)];
  assert.deepEqual(facts.intervals, others.intervals, what);
  assert.ok(RangeSet.from(facts.deletes).equals(RangeSet.from(others.deletes)), `${what}: deletions`);
}

/** The state vector of a client that knows half of each client's clocks. */
function halfOf({ intervals }: ScannedFacts): Uint8Array {
  const vector = new Map<number, number>();
  for (let i = 0; i < intervals.length; i += 3) vector.set(intervals[i] ?? 0, (intervals[i + 2] ?? 0) >>> 1);
  return encodeStateVector(vector);
}
