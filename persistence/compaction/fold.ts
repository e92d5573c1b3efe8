import { CompactionError } from '../errors.ts';
import { RangeSet } from '../update/ranges.ts';
import { noScanLimits, scanUpdate } from '../update/scan.ts';
import type { CompactionInput, CompactionOutput } from './compaction.ts';
import { foldWithoutPoison, type Suspect } from './poison.ts';
import { foldVerified, type VerifiedFold } from './verification.ts';

/**
 * Folds entries into a snapshot and proves the result (see `foldVerified`). Entries that poison the document are set
 * aside. Takes as long as it takes, and a stack that grows with the depth of nested types: to be run in a `YjsWorker`.
 * Throws CompactionError, COMPACTION_SNAPSHOT_BAD or COMPACTION_UNVERIFIED.
 */
export function fold(input: CompactionInput): CompactionOutput {
  try {
    const updates = input.entries.map((entry) => entry.update);
    return outputOf(foldVerified(input.snapshot, updates), []);
  } catch {
    // What it was does not matter here: it comes back below, with the entry that causes it or without any.
    return foldAroundPoison(input);
  }
}

function foldAroundPoison(input: CompactionInput): CompactionOutput {
  const base = foldSnapshot(input.snapshot);
  const parts = base.parts.map((part) => part.data);
  const waiting: Suspect[] = base.pending === null ? [] : [{ seq: null, update: base.pending }];
  try {
    const { folded, poison } = foldWithoutPoison<VerifiedFold>([...waiting, ...input.entries], {
      fold: (suspects) =>
        foldVerified(
          parts,
          suspects.map((suspect) => suspect.update),
        ),
      waits,
    });
    const setAside = poison.map(({ seq }) => {
      if (seq === null) throw new Error('What waits in the snapshot poisons the document now that it fits');
      return seq;
    });
    return outputOf(folded, setAside);
  } catch (cause) {
    throw new CompactionError('COMPACTION_UNVERIFIED', 'No way to fold the entries into the snapshot', { cause });
  }
}

function foldSnapshot(snapshot: readonly Uint8Array[]): VerifiedFold {
  try {
    return foldVerified(snapshot, []);
  } catch (cause) {
    throw new CompactionError('COMPACTION_SNAPSHOT_BAD', 'The last snapshot does not fold', { cause });
  }
}

function outputOf({ parts, pending, stateVector, deleteSet }: VerifiedFold, setAside: number[]): CompactionOutput {
  return { parts, pending, stateVector, deleteSet, setAside: setAside.sort((a, b) => a - b) };
}

function waits({ pendingFacts }: VerifiedFold, { update }: Suspect): boolean {
  if (pendingFacts === null) return false;
  const facts = scanUpdate(update, noScanLimits);
  return overlap(pendingFacts.intervals, facts.intervals) || overlap(pendingFacts.deletes, facts.deletes);
}

/** Whether anything of these flat triples client, start, end is in the others. */
function overlap(some: readonly number[], others: readonly number[]): boolean {
  const left = RangeSet.from(others).missing(some);
  return !RangeSet.from(left).equals(RangeSet.from(some));
}
