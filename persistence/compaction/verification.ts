import { cutIntoParts } from '../update/parts.ts';
import { RangeSet } from '../update/ranges.ts';
import { noScanLimits, scanUpdate } from '../update/scan.ts';
import type { ScannedFacts } from '../update/scan.ts';
import { encodeStateVector } from '../update/state-vector.ts';
import type { CompactionOutput } from './compaction.ts';
import { integrate } from './integration.ts';
import type { Integrated } from './integration.ts';

/** A snapshot up to this size is one part, which clients get as one message. */
export const maxSinglePartBytes = 8 * 1024 * 1024;

/** A larger snapshot is cut into parts of about this size. */
const partBytes = 4 * 1024 * 1024;

/**
 * How many rounds may give a different result before folding fails. Every document made by editors gives the same
 * result in the first round.
 */
const maxRounds = 8;

export type VerifiedFold = Omit<CompactionOutput, 'setAside' | 'waitingSetAside'> & {
  readonly pendingFacts: ScannedFacts | null;
};

/**
 * Folds, and proves that nothing is lost. Loading the parts again must give the bytes that were cut into them. Parts
 * and pending must bring exactly the clocks of the inputs, and at least their deletions; garbage collection also
 * deletes content that was written into deleted types. Throws the error that a poisonous update causes in Yjs, or Error
 * with the difference.
 */
export function foldVerified(
  base: readonly Uint8Array[],
  tail: readonly Uint8Array[],
  keepDeleted: boolean,
): VerifiedFold {
  let folded = integrate(base, tail, keepDeleted);
  for (let round = 0; round < maxRounds; round++) {
    const facts = scanUpdate(folded.state, noScanLimits);
    const parts = partsOf(folded.state, facts);
    const again = integrate(
      parts.map((part) => part.data),
      folded.pending === null ? [] : [folded.pending],
      keepDeleted,
    );
    if (Buffer.compare(folded.state, again.state) === 0) {
      const pendingFacts = folded.pending && scanUpdate(folded.pending, noScanLimits);
      verifyRanges([...base, ...tail], facts, pendingFacts);
      return {
        parts,
        pending: folded.pending,
        pendingFacts,
        stateVector: stateVectorOf(facts),
        deleteSet: folded.state.slice(facts.deleteSetOffset),
      };
    }
    folded = again;
  }
  throw new Error(`The document loads differently in each of ${maxRounds} rounds`);
}

function partsOf(state: Integrated['state'], facts: ScannedFacts): CompactionOutput['parts'] {
  if (state.length > maxSinglePartBytes) return cutIntoParts(state, partBytes);
  return [{ data: state, bytes: state.length, intervals: facts.intervals }];
}

function verifyRanges(inputs: readonly Uint8Array[], state: ScannedFacts, pending: ScannedFacts | null): void {
  const expectedClocks = new RangeSet();
  const expectedDeletes = new RangeSet();
  for (const input of inputs) {
    const facts = scanUpdate(input, noScanLimits);
    expectedClocks.addAll(facts.intervals);
    expectedDeletes.addAll(facts.deletes);
  }
  const clocks = RangeSet.from([...state.intervals, ...(pending?.intervals ?? [])]);
  if (!clocks.covers(expectedClocks)) throw new Error('Folding has lost structs');
  if (!expectedClocks.covers(clocks)) throw new Error('Folding has made up structs');
  const deletes = RangeSet.from(state.deletes);
  deletes.addAll(pending?.deletes ?? []);
  if (!deletes.covers(expectedDeletes)) throw new Error('Folding has lost deletions');
}

function stateVectorOf(facts: ScannedFacts): Uint8Array {
  const vector = new Map<number, number>();
  for (let i = 0; i < facts.intervals.length; i += 3) {
    const [client, start, end] = facts.intervals.slice(i, i + 3) as [number, number, number];
    if (start !== 0 || vector.has(client)) throw new Error('The integrated structs are not contiguous from clock 0');
    vector.set(client, end);
  }
  return encodeStateVector(vector);
}
