import assert from 'node:assert/strict';
import type { CompactionOutput } from '../../persistence/compaction/compaction.ts';
import { fold } from '../../persistence/compaction/fold.ts';
import { MalformedUpdateError } from '../../persistence/errors.ts';
import { scanUpdate } from '../../persistence/update/scan.ts';
import { entriesOf, snapshotOf } from './folding.ts';
import { mutate } from './mutants.ts';
import { RandomEditors } from './random-edits.ts';
import type { Random } from './random.ts';

/**
 * Folds documents whose logs contain mutants that the scan has accepted, in random batches. Each result is verified by
 * folding it once more. Returns the number of mutants and the number of entries that were set aside.
 */
export function huntThroughCompaction(random: Random, documents: number): { mutants: number; setAside: number } {
  const counts = { mutants: 0, setAside: 0 };
  for (let i = 0; i < documents; i++) {
    const editors = new RandomEditors(random);
    editors.edit(40);
    const log = editors.updates.flatMap((update) => [update, ...acceptedMutants(update, editors.updates, random)]);
    counts.mutants += log.length - editors.updates.length;
    let output: CompactionOutput | null = null;
    for (let done = 0; done < log.length;) {
      const batch = log.slice(done, done + 1 + random.below(40));
      output = fold({ snapshot: snapshotOf(output), entries: entriesOf(batch, done + 1) });
      counts.setAside += output.setAside.length + Number(output.waitingSetAside !== null);
      done += batch.length;
    }
    const again: CompactionOutput = fold({ snapshot: snapshotOf(output), entries: [] });
    assert.deepEqual(again, { ...output, setAside: [], waitingSetAside: null });
  }
  return counts;
}

function acceptedMutants(update: Uint8Array, donors: readonly Uint8Array[], random: Random): Uint8Array[] {
  const mutants = Array.from({ length: 4 }, () => mutate(update, random.pick(donors), random));
  return mutants.filter((mutant) => {
    try {
      scanUpdate(mutant);
      return true;
    } catch (error) {
      if (error instanceof MalformedUpdateError) return false;
      throw error;
    }
  });
}
