import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getSchema } from '@tiptap/core';
import { StarterKit } from '@tiptap/starter-kit';
import { yXmlFragmentToProseMirrorRootNode } from '@tiptap/y-tiptap';
import * as Y from 'yjs';
import * as OldY from 'yjs-13-5';
import { Quire } from '../support/quire.ts';
import { RawClient } from '../support/raw-client.ts';
import { StockClient } from '../support/stock-client.ts';
import { loadFriendsForever } from '../support/traces.ts';

/** The update of an editor with yjs 13.5: rich text as in y-prosemirror, and a text as in y-codemirror. */
function writeOldDocument(): OldY.Doc {
  const doc = new OldY.Doc();
  const rich = doc.getXmlFragment('default');
  for (let index = 0; index < 50; index++) {
    const heading = new OldY.XmlElement('heading');
    heading.setAttribute('level', 2 as unknown as string);
    heading.insert(0, [new OldY.XmlText(`Chapter ${index}`)]);
    const paragraph = new OldY.XmlElement('paragraph');
    const text = new OldY.XmlText();
    text.insert(0, 'plain, ');
    text.insert(7, 'bold', { bold: {} });
    text.insert(11, ' and deleted', { bold: null });
    paragraph.insert(0, [text]);
    rich.insert(rich.length, [heading, paragraph]);
    text.delete(11, 12);
  }
  doc.getText('codemirror').insert(0, loadFriendsForever().endContent);
  return doc;
}

test('I4: a document written by an old yjs opens in current editors, and their edits arrive in the old one', async (t) => {
  const old = writeOldDocument();
  const quire = await Quire.start(t);
  const author = await RawClient.open(`${quire.url}/old`);
  t.after(() => author.terminate());
  await author.sync();
  author.edit(OldY.encodeStateAsUpdate(old));
  await author.saved();
  await quire.process.stop();
  await quire.restart();

  const today = new StockClient(quire.url, 'old');
  t.after(() => today.destroy());
  await today.synced();
  const rich = today.doc.getXmlFragment('default');
  assert.equal(rich.toJSON(), old.getXmlFragment('default').toJSON());
  assert.equal(today.doc.getText('codemirror').toJSON(), loadFriendsForever().endContent);
  const node = yXmlFragmentToProseMirrorRootNode(rich, getSchema([StarterKit]));
  node.check();
  assert.equal(node.childCount, 100);

  const before = Y.encodeStateVector(today.doc);
  today.doc.getText('codemirror').insert(0, 'Written today. ');
  (rich.get(1) as Y.XmlElement).delete(0, 1);
  await today.saved();
  const reader = await RawClient.open(`${quire.url}/old`);
  t.after(() => reader.terminate());
  for (const update of await reader.sync(before)) OldY.applyUpdate(old, update);
  assert.equal(old.getText('codemirror').toJSON(), today.doc.getText('codemirror').toJSON());
  assert.equal(old.getXmlFragment('default').toJSON(), rich.toJSON());
});
