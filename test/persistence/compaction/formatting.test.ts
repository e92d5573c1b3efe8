import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Y from 'yjs';
import type { CompactionOutput } from '../../../persistence/compaction/compaction.ts';
import { foldInBatches, snapshotOf } from '../../support/folding.ts';
import { huntFormatting } from '../../support/formatting-hunt.ts';
import { passiveDoc } from '../../support/passive-doc.ts';
import { randomOf } from '../../support/random.ts';

/**
 * An editor with the document open. Records the updates that it sends, including clean-ups that Yjs makes by itself.
 */
class Editor {
  readonly doc = new Y.Doc();
  readonly updates: Uint8Array[] = [];

  constructor(clientID: number, ...received: readonly Uint8Array[]) {
    this.doc.clientID = clientID;
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'received') this.updates.push(update);
    });
    this.receive(received);
  }

  /** Nested, so that a Y.Doc identifies it as text even if getText was never called, as in folding. */
  get text(): Y.XmlText {
    return textOf(this.doc);
  }

  receive(updates: readonly Uint8Array[]): void {
    for (const update of updates) Y.applyUpdate(this.doc, update, 'received');
  }
}

function textOf(doc: Y.Doc): Y.XmlText {
  return doc.getXmlFragment('xml').get(0) as Y.XmlText;
}

/** Ann and Ben make the same word a link at the same time. Then Ben, who has not received Ann's link, removes his. */
function twoLinks(): { readonly updates: Uint8Array[]; readonly beforeRemoval: Uint8Array[] } {
  const ann = new Editor(1);
  ann.doc.getXmlFragment('xml').insert(0, [new Y.XmlText('word')]);
  const ben = new Editor(2, ...ann.updates);
  ann.text.format(0, 4, { link: 'ann' });
  ben.text.format(0, 4, { link: 'ben' });
  const beforeRemoval = [...ann.updates, ...ben.updates];
  ben.text.format(0, 4, { link: null });
  return { updates: [...ann.updates, ...ben.updates], beforeRemoval };
}

/** Folds twice, because Yjs cleans up only content from before a transaction: first the text, then its formatting. */
function foldTwice(updates: readonly Uint8Array[]): CompactionOutput {
  return foldInBatches(updates, (last) => (last === null ? 1 : updates.length));
}

function foldedDelta(updates: readonly Uint8Array[]): unknown {
  return textOf(passiveDoc(snapshotOf(foldTwice(updates)))).toDelta();
}

const linkedByAnn = [{ insert: 'word', attributes: { link: 'ann' } }];
const notLinked = [{ insert: 'word' }];

describe('Formatting marks that look superfluous', () => {
  test('are deleted by Yjs itself, depending on how it receives the edits, which is why folding must not delete them', () => {
    const { updates } = twoLinks();
    const oneByOne = new Editor(3, ...updates);
    const atOnce = new Editor(4, Y.mergeUpdates(updates));
    // This editor deleted Ann's mark before Ben removed his, because Ben's mark made it look superfluous.
    assert.deepEqual(oneByOne.text.toDelta(), notLinked);
    assert.deepEqual(atOnce.text.toDelta(), linkedByAnn);
    // It sends the deletion as an edit of its own, and then the editors agree.
    atOnce.receive(oneByOne.updates);
    assert.deepEqual(atOnce.text.toDelta(), notLinked);
  });

  test('are kept by folding, which deletes only marks that an editor has deleted', () => {
    const { updates, beforeRemoval } = twoLinks();
    assert.deepEqual(foldedDelta(updates), linkedByAnn);
    assert.deepEqual(foldTwice(beforeRemoval).deleteSet, Uint8Array.of(0));
  });

  test('stay deleted once an editor has deleted them', () => {
    const { updates } = twoLinks();
    const follower = new Editor(3, ...updates);
    assert.deepEqual(foldedDelta([...updates, ...follower.updates]), notLinked);
  });

  test('are the same in the folded document, in the editors and for a user who joins (I4)', (t) => {
    const hunt = huntFormatting(randomOf(t), 60);
    t.diagnostic(JSON.stringify(hunt));
    assert.ok(hunt.cleaned > 5, 'some editors did delete marks by themselves');
  });
});
