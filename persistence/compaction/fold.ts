import { CompactionError } from '../errors.ts';
import { splitByClient } from '../update/by-client.ts';
import type { Numbers } from '../update/delete-set.ts';
import { mergeInLevels } from '../update/merge.ts';
import { RangeSet } from '../update/ranges.ts';
import { noScanLimits, scanUpdate } from '../update/scan.ts';
import type { CompactionInput, CompactionOutput } from './compaction.ts';
import { foldWithoutPoison, type Suspect } from './poison.ts';
import { foldVerified, type VerifiedFold } from './verification.ts';

/**
 * So many pieces of what waits in a snapshot are tried by themselves; if there are more, all of it is one. Every trial folds all of
 * them: with 64 it takes 1.4 s to find the guilty one, with 5,000 it took 33 s, and honest people's that wait are few.
 */
const maxPieces = 64;

/**
 * Folds entries into a snapshot and proves the result (see `foldVerified`). Entries that poison the document are set
 * aside, and so is what waits in the snapshot, client by client unless many wait, if it does now. Takes as long as it takes, and a stack that grows with the depth of nested types: to be run in a `YjsWorker`.
 * Throws CompactionError, COMPACTION_SNAPSHOT_BAD or COMPACTION_UNVERIFIED.
 */
export function fold(input: CompactionInput): CompactionOutput {
  try {
    const updates = input.entries.map((entry) => entry.update);
    return outputOf(foldVerified(input.snapshot, updates, input.keepDeleted === true), [], []);
  } catch {
    // What it was does not matter here: it comes back below, with the entry that causes it or without any.
    return foldAroundPoison(input);
  }
}

function foldAroundPoison(input: CompactionInput): CompactionOutput {
  const keepDeleted = input.keepDeleted === true;
  const base = foldSnapshot(input.snapshot, keepDeleted);
  const parts = base.parts.map((part) => part.data);
  const waiting = piecesOf(base.pending).map((update): Suspect => ({ seq: null, update }));
  try {
    const { folded, poison } = foldWithoutPoison<VerifiedFold>([...waiting, ...input.entries], {
      fold: (suspects) =>
        foldVerified(
          parts,
          suspects.map((suspect) => suspect.update),
          keepDeleted,
        ),
      waits,
    });
    const waited = poison.filter(({ seq }) => seq === null).map(({ update }) => update);
    const seqs = poison.flatMap(({ seq }) => seq ?? []);
    return outputOf(folded, seqs, waited);
  } catch (cause) {
    throw new CompactionError('COMPACTION_UNVERIFIED', 'No way to fold the entries into the snapshot', { cause });
  }
}

function piecesOf(pending: Uint8Array | null): readonly Uint8Array[] {
  if (pending === null) return [];
  const pieces = splitByClient(pending);
  return pieces.length > maxPieces ? [pending] : pieces;
}

function foldSnapshot(snapshot: readonly Uint8Array[], keepDeleted: boolean): VerifiedFold {
  try {
    return foldVerified(snapshot, [], keepDeleted);
  } catch (cause) {
    throw new CompactionError('COMPACTION_SNAPSHOT_BAD', 'The last snapshot does not fold', { cause });
  }
}

function outputOf(
  { parts, pending, stateVector, deleteSet }: VerifiedFold,
  seqs: readonly number[],
  waited: readonly Uint8Array[],
): CompactionOutput {
  return {
    parts,
    pending,
    stateVector,
    deleteSet,
    setAside: seqs.toSorted((a, b) => a - b),
    waitingSetAside: waited.length > 0 ? mergeInLevels(waited) : null,
  };
}

function waits({ pendingFacts }: VerifiedFold, { update }: Suspect): boolean {
  if (pendingFacts === null) return false;
  const facts = scanUpdate(update, noScanLimits);
  return overlap(pendingFacts.intervals, facts.intervals) || overlap(pendingFacts.deletes, facts.deletes);
}

/** Whether anything of these flat triples client, start, end is in the others. */
function overlap(some: Numbers, others: Numbers): boolean {
  const left = RangeSet.from(others).missing(some);
  return !RangeSet.from(left).equals(RangeSet.from(some));
}
