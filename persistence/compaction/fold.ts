import { CompactionError } from '../errors.ts';
import { splitByClient } from '../update/by-client.ts';
import type { Numbers } from '../update/delete-set.ts';
import { mergeInLevels } from '../update/merge.ts';
import { RangeSet } from '../update/ranges.ts';
import { noScanLimits, scanUpdate } from '../update/scan.ts';
import type { CompactionInput, CompactionOutput } from './compaction.ts';
import { foldWithoutPoison } from './poison.ts';
import type { Suspect } from './poison.ts';
import { foldVerified } from './verification.ts';
import type { VerifiedFold } from './verification.ts';

/**
 * How many pieces of the snapshot's pending update are tried one by one. With more pieces, the whole update is one
 * suspect. Every trial folds all pieces: with 64 it takes 1.4 s to find the one that poisons the document, with 5,000
 * it took 33 s. Documents of honest clients have few pending pieces.
 */
const maxPieces = 64;

/**
 * Folds entries into a snapshot and proves the result (see `foldVerified`). Sets aside entries that poison the
 * document, and pending structs of the snapshot that do so now: client by client, or all together if there are many
 * clients. Has no time limit and needs a stack that grows with the depth of nested types, so it must run in a
 * `YjsWorker`. Throws CompactionError COMPACTION_SNAPSHOT_BAD or COMPACTION_UNVERIFIED.
 */
export function fold(input: CompactionInput): CompactionOutput {
  try {
    const updates = input.entries.map((entry) => entry.update);
    return outputOf(foldVerified(input.snapshot, updates, input.keepDeleted === true), [], []);
  } catch {
    // The error does not matter here: the next fold meets it again, alone or together with the entry that causes it.
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
    throw new CompactionError('COMPACTION_UNVERIFIED', 'The entries cannot be folded into the snapshot', { cause });
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
    throw new CompactionError('COMPACTION_SNAPSHOT_BAD', 'The last snapshot cannot be folded', { cause });
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

/** Whether two lists of flat triples (client, start, end) have any clock in common. */
function overlap(some: Numbers, others: Numbers): boolean {
  const left = RangeSet.from(others).missing(some);
  return !RangeSet.from(left).equals(RangeSet.from(some));
}
