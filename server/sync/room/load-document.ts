import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Entry, StoredDocument } from '../../../persistence/update-log.ts';
import { mergeInLevels } from '../../../persistence/update/merge.ts';
import { encodeRuns } from '../../../persistence/update/encoded-runs.ts';
import type { Run } from '../../../persistence/update/runs.ts';
import { noScanLimits, scanUpdate } from '../../../persistence/update/scan.ts';
import { mergingWeight } from '../../../persistence/update/weight.ts';
import { Knowledge } from './knowledge.ts';
import { OldCopies } from './old-copies.ts';
import { maxMergeWeight, offloadBytes } from '../offload.ts';
import type { Offload } from '../offload.ts';
import { mergeSegments } from './tail.ts';
import type { Tail } from './tail.ts';

/**
 * How many small entries of a long tail are merged and read in one turn of the event loop. They take about 5 ms, and 20
 * ms in a process that has just started.
 */
const entriesPerTurn = 500;

export interface LoadedDocument {
  readonly knowledge: Knowledge;
  /** The sequence number of the last entry. */
  readonly seq: number;
  /** Null for a document that was never deleted. */
  readonly oldCopies: OldCopies | null;
}

/** Reads a stored document, and fills the tail. Rejects with MalformedUpdateError if an update cannot be read. */
export async function loadDocument(
  { snapshot, tail: entries, deletedClients }: StoredDocument,
  tail: Tail,
  offload: Offload,
): Promise<LoadedDocument> {
  const knowledge = snapshot === null ? Knowledge.empty() : Knowledge.from(snapshot.stateVector, snapshot.deleteSet);
  const add = async (update: Uint8Array): Promise<readonly Run[]> => {
    const isLarge = update.length > offloadBytes;
    const facts = isLarge ? await offload.scan(update, noScanLimits) : scanUpdate(update, noScanLimits);
    return knowledge.add(facts, update);
  };
  if (snapshot !== null && snapshot.pending !== null) await add(snapshot.pending);
  let seq = snapshot?.seq ?? 0;
  for (let next = 0; next < entries.length;) {
    if (next > 0) await nextTurn();
    const end = turnEnd(entries, next);
    // Merging first lets hundreds of keystrokes be added in one step.
    const update = mergeInLevels(entries.slice(next, end).map((entry) => entry.update));
    const released = await add(update);
    seq = entries[end - 1]!.seq;
    // The same as `Intake.committed` returns. A client that joins gets these updates segment by segment.
    const updates = released.length === 0 ? [update] : [update, mergeInLevels(encodeRuns(released))];
    for (const segment of mergeSegments(updates.map((each) => ({ lastSeq: seq, update: each })))) tail.push(segment);
    next = end;
  }
  return { knowledge, seq, oldCopies: deletedClients.size === 0 ? null : new OldCopies(deletedClients) };
}

/** The end of the entries that are read in one turn of the event loop. There is at least one. */
function turnEnd(entries: readonly Entry[], start: number): number {
  let weight = 0;
  for (let end = start; end < entries.length; end++) {
    weight += mergingWeight(entries[end]!.update, maxMergeWeight);
    if (end > start && (weight > maxMergeWeight || end - start === entriesPerTurn)) return end;
  }
  return entries.length;
}
