import assert from 'node:assert/strict';
import * as Y from 'yjs';
import { contentOf, foldInBatches, snapshotOf } from './folding.ts';
import { passiveDoc } from './passive-doc.ts';
import { formattingEdits, RandomEditors } from './random-edits.ts';
import type { Random } from './random.ts';

export interface FormattingHunt {
  readonly folds: number;
  /** Documents of which an editor that followed along deleted formatting marks by itself. */
  readonly cleaned: number;
  /** Those among them that looked different afterwards, until the log had these deletions. */
  readonly differed: number;
}

/**
 * Folds documents full of formatting marks, in random batches, and asserts that folding adds nothing of its own: the fold is
 * byte for byte what a Y.Doc makes of the log that decides nothing, looks the same to an editor that joins with it, and,
 * with what an editor that follows along deletes by itself in the log, is byte for byte that editor's document.
 */
export function huntFormatting(random: Random, documents: number): FormattingHunt {
  const counts = { folds: 0, cleaned: 0, differed: 0 };
  const fold = (updates: readonly Uint8Array[]): Uint8Array[] => {
    const output = foldInBatches(updates, () => {
      counts.folds++;
      return 1 + random.below(40);
    });
    assert.equal(output.pending, null);
    return snapshotOf(output);
  };
  for (let i = 0; i < documents; i++) {
    const { updates } = new RandomEditors(random, 2 + random.below(3), formattingEdits).edit(60);
    const expected = passiveDoc(updates);
    const snapshot = fold(updates);
    assert.deepEqual(contentOf(passiveDoc(snapshot)), contentOf(expected));
    assert.deepEqual(snapshot, [Y.encodeStateAsUpdate(expected)]);
    assert.deepEqual(contentOf(editorAfter(snapshot).doc), contentOf(expected), 'who joins sees what is stored');

    const { doc, log } = editorAfter(updates);
    assert.deepEqual(fold(log), [Y.encodeStateAsUpdate(doc)]);
    if (log.length === updates.length) continue;
    counts.cleaned++;
    if (JSON.stringify(contentOf(doc)) !== JSON.stringify(contentOf(expected))) counts.differed++;
  }
  return counts;
}

/** An editor that has got these updates one by one, and the log of a server that got what the editor did itself as well. */
function editorAfter(updates: readonly Uint8Array[]): { readonly doc: Y.Doc; readonly log: Uint8Array[] } {
  const doc = new Y.Doc();
  // Yjs cleans up only what it knows to be a text.
  doc.getText('text');
  const log: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array, origin: unknown) => {
    if (origin !== 'received') log.push(update);
  });
  for (const update of updates) {
    log.push(update);
    Y.applyUpdate(doc, update, 'received');
  }
  return { doc, log };
}
