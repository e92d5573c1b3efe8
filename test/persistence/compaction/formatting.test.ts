import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Y from 'yjs';
import type { CompactionOutput } from '../../../persistence/compaction/compaction.ts';
import { foldInBatches, snapshotOf } from '../../support/folding.ts';
import { huntFormatting } from '../../support/formatting-hunt.ts';
import { passiveDoc } from '../../support/passive-doc.ts';
import { randomOf } from '../../support/random.ts';

/** Somebody with the document open, and what is sent of it: clean-ups, which are nobody's edits, as well. */
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

  /** Nested, so that a Y.Doc which nobody has asked for its text, as in folding, knows it to be one. */
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

/** Ann and Ben make the same word a link at the same time; then Ben, who has not heard of Ann's link, takes his away. */
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

/** Twice, for Yjs cleans up only what is in the document before a transaction: the text first, then what was done to it. */
function foldTwice(updates: readonly Uint8Array[]): CompactionOutput {
  return foldInBatches(updates, (last) => (last === null ? 1 : updates.length));
}

function foldedDelta(updates: readonly Uint8Array[]): unknown {
  return textOf(passiveDoc(snapshotOf(foldTwice(updates)))).toDelta();
}

const linkedByAnn = [{ insert: 'word', attributes: { link: 'ann' } }];
const notLinked = [{ insert: 'word' }];

describe('Formatting marks that look superfluous', () => {
  test('are deleted by Yjs itself, and which ones depends on how it gets the edits: the reason for all of this', () => {
    const { updates } = twoLinks();
    const oneByOne = new Editor(3, ...updates);
    const atOnce = new Editor(4, Y.mergeUpdates(updates));
    // It took Ann's mark, before Ben took his away, for one that Ben's made superfluous.
    assert.deepEqual(oneByOne.text.toDelta(), notLinked);
    assert.deepEqual(atOnce.text.toDelta(), linkedByAnn);
    // It says so, as an edit of its own, and then they agree.
    atOnce.receive(oneByOne.updates);
    assert.deepEqual(atOnce.text.toDelta(), notLinked);
  });

  test('are kept by folding, which deletes nothing that no editor has deleted', () => {
    const { updates, beforeRemoval } = twoLinks();
    assert.deepEqual(foldedDelta(updates), linkedByAnn);
    assert.deepEqual(foldTwice(beforeRemoval).deleteSet, Uint8Array.of(0));
  });

  test('stay deleted once an editor has deleted them', () => {
    const { updates } = twoLinks();
    const follower = new Editor(3, ...updates);
    assert.deepEqual(foldedDelta([...updates, ...follower.updates]), notLinked);
  });

  test('make no difference between what is folded, what editors show and what one who joins sees (I4)', (t) => {
    const hunt = huntFormatting(randomOf(t), 60);
    t.diagnostic(JSON.stringify(hunt));
    assert.ok(hunt.cleaned > 5, 'some editors did delete marks by themselves');
  });
});
