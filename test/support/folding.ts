import assert from 'node:assert/strict';
import * as Y from 'yjs';
import type { CompactionInput, CompactionOutput } from '../../persistence/compaction/compaction.ts';
import { fold } from '../../persistence/compaction/fold.ts';

/** The snapshot from which the next compaction starts. */
export function snapshotOf(output: CompactionOutput | null): Uint8Array[] {
  if (output === null) return [];
  const parts = output.parts.map((part) => part.data);
  return output.pending === null ? parts : [...parts, output.pending];
}

export function entriesOf(updates: readonly Uint8Array[], firstSeq = 1): CompactionInput['entries'] {
  return updates.map((update, index) => ({ seq: firstSeq + index, update }));
}

/** Folds all batches in order, each into the snapshot of the one before. */
export function foldInBatches(
  updates: readonly Uint8Array[],
  nextSize: (last: CompactionOutput | null) => number,
): CompactionOutput {
  let output: CompactionOutput | null = null;
  for (let done = 0; done < updates.length;) {
    const batch = updates.slice(done, done + nextSize(output));
    output = fold({ snapshot: snapshotOf(output), entries: entriesOf(batch, done + 1) });
    assert.deepEqual(output.setAside, [], 'nothing honest is set aside');
    done += batch.length;
  }
  assert.ok(output !== null);
  return output;
}

/** The visible content of a document, of every kind. */
export function contentOf(doc: Y.Doc): unknown {
  return plain({
    text: doc.getText('text').toDelta() as unknown,
    map: doc.getMap('map').toJSON(),
    array: doc.getArray('array').toJSON(),
    xml: doc.getXmlFragment('xml').toJSON(),
  });
}

/** A subdocument is replaced by its name. Compared as an object, it would include the internals of its parent. */
function plain(value: unknown): unknown {
  if (value instanceof Y.Doc) return { subdocument: value.guid };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}
