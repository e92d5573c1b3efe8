import assert from 'node:assert/strict';
import * as Y from 'yjs';
import { MalformedUpdateError } from '../../../persistence/errors.ts';
import { RangeSet } from '../../../persistence/update/ranges.ts';
import { noScanLimits, scanUpdate } from '../../../persistence/update/scan.ts';
import type { ScannedFacts } from '../../../persistence/update/scan.ts';
import { flatOf } from '../../support/flat-ranges.ts';
import { concurrentUpdates } from '../../support/trace-updates.ts';
import { hostileUpdate } from '../random-update.ts';
import { realUpdates } from '../real-updates.ts';
import type { FuzzTarget } from '../target.ts';
import { docOf, quietly } from '../yjs-doc.ts';
import { compareFacts, hasGap } from '../yjs-facts.ts';

/** An edit of other clients, to merge with. */
const others = concurrentUpdates({
  kind: 'concurrent',
  endContent: '',
  numAgents: 2,
  txns: [
    { parents: [], agent: 0, patches: [[0, 0, 'some text']] },
    { parents: [0], agent: 1, patches: [[4, 2, 'ä']] },
  ],
});

/** Updates. Yjs can apply every update that the scan accepts, and finds the same facts in it. */
export const scanTarget: FuzzTarget<ScannedFacts> = {
  seeds: realUpdates,
  generate: hostileUpdate,
  decode: (input) => scanUpdate(input),
  refusal: (error) => (error instanceof MalformedUpdateError ? error.code : null),
  check(facts, input) {
    compareFacts(facts, input);
    quietly(() => {
      const doc = docOf(input);
      assert.equal(isPending(doc), hasGap(facts), 'the scan and Yjs disagree about a gap');
      const stored = Y.encodeStateAsUpdate(doc);
      assert.deepEqual(clocksOf(scanUpdate(stored, noScanLimits)), clocksOf(facts), 'is stored with other clocks');
      docOf(stored);
      const merged = Y.mergeUpdates([...others, input]);
      scanUpdate(merged, noScanLimits);
      scanUpdate(Y.diffUpdate(input, Y.encodeStateVectorFromUpdate(merged)), noScanLimits);
    });
    return shapeOf(facts);
  },
};

/** The clocks in one order. Pending structs have no Skips in front, so the order of clients can differ. */
function clocksOf({ intervals }: ScannedFacts): number[] {
  return flatOf(RangeSet.from(intervals));
}

function isPending(doc: Y.Doc): boolean {
  return doc.store.pendingStructs !== null;
}

function shapeOf(facts: ScannedFacts): string {
  const { intervals, deletes, dependencies, structCount } = facts;
  const sizes = [intervals.length / 3, deletes.length / 3, dependencies.length / 2, structCount];
  return sizes.map((size) => Math.min(size, 4)).join();
}
