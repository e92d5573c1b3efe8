import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeRuns } from '../../../persistence/update/encoded-runs.ts';
import { RangeSet } from '../../../persistence/update/ranges.ts';
import { scanRuns } from '../../../persistence/update/runs.ts';
import type { Run } from '../../../persistence/update/runs.ts';
import { scanUpdate } from '../../../persistence/update/scan.ts';
import { randomOf } from '../../support/random.ts';
import { randomUpdates } from '../../support/random-updates.ts';
import { struct, updateOf } from '../../support/update-bytes.ts';

test('the encoded runs of an update are its structs, byte for byte', (t) => {
  for (const update of randomUpdates(randomOf(t), 60)) {
    const runs = scanRuns(update);
    const encoded = encodeRuns(runs);
    assert.equal(encoded.length, runs.length > 0 ? 1 : 0);
    assert.deepEqual(encoded.flatMap(scanRuns), runs);
  }
});

test('thousands of runs that overlap or leave gaps become two updates that bring all of them', (t) => {
  const random = randomOf(t);
  const runs: Run[] = [];
  for (const client of [7, 5]) {
    let [clock, end] = [0, 0];
    for (let i = 0; i < 2_000; i++) {
      clock = Math.min(clock + random.below(4), end + 1);
      end = Math.max(end + 1, clock + 1 + random.below(6));
      runs.push(...scanRuns(updateOf([{ client, clock, structs: [struct.text('x'.repeat(end - clock))] }])));
    }
  }
  const updates = encodeRuns(runs);
  assert.equal(updates.length, 2);
  const brought = updates.flatMap((update) => scanUpdate(update).intervals);
  const expected = runs.flatMap(({ client, clock, end }) => [client, clock, end]);
  assert.ok(RangeSet.from(brought).equals(RangeSet.from(expected)));
});

test('no runs give no update', () => {
  assert.deepEqual(encodeRuns([]), []);
});
