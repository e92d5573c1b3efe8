import assert from 'node:assert/strict';
import * as Y from 'yjs';
import { contentOf, foldInBatches, snapshotOf } from './folding.ts';
import { passiveDoc } from './passive-doc.ts';
import { formattingEdits, RandomEditors } from './random-edits.ts';
import type { Random } from './random.ts';

export interface FormattingHunt {
  readonly folds: number;
  /** Documents in which a connected editor deleted formatting marks by itself. */
  readonly cleaned: number;
  /** Those of them that looked different afterwards, until the log had these deletions. */
  readonly differed: number;
}

/**
 * Folds documents full of formatting marks, in random batches, and asserts that folding adds nothing:
 * - The fold equals, byte for byte, a Y.Doc that applies the log and makes no deletions of its own.
 * - An editor that joins with the fold shows the same content.
 * - If the log includes the deletions that a connected editor made by itself, the fold equals that editor's document.
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

/**
 * An editor that has received these updates one by one, and the log of a server that also received the editor's own
 * edits.
 */
function editorAfter(updates: readonly Uint8Array[]): { readonly doc: Y.Doc; readonly log: Uint8Array[] } {
  const doc = new Y.Doc();
  // Yjs cleans up only types that it knows to be texts.
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
