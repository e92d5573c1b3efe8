import * as Y from 'yjs';
import type { Random } from '../support/random.ts';
import { randomUpdates } from '../support/random-updates.ts';
import { concurrentUpdates } from '../support/trace-updates.ts';
import { loadFriendsForever } from '../support/traces.ts';

/** Mutants are made of small updates only. A mistake in a large update also shows in a small one. */
const maxBytes = 2_000;
const traceEdits = 150;
const randomEdits = 40;

/** Updates that editors and servers send: single edits, states with and without deleted content, gaps, rich text. */
export function realUpdates(random: Random): Uint8Array[] {
  const trace = loadFriendsForever();
  const typed = concurrentUpdates({ ...trace, txns: trace.txns.slice(0, traceEdits) });
  const updates = [
    ...randomUpdates(random, randomEdits),
    ...typed.slice(-8),
    Y.mergeUpdates(typed.slice(-40)),
    Y.mergeUpdates(typed.filter((_, i) => i % 7 > 0)),
    ...richText(),
  ];
  return updates.filter(({ length }) => length <= maxBytes);
}

/**
 * A document as TipTap writes it, with nested blocks, attributes and overlapping marks, and with the types that only
 * old clients write.
 */
function richText(): Uint8Array[] {
  const doc = new Y.Doc();
  doc.clientID = 7;
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => updates.push(update));
  const fragment = doc.getXmlFragment('default');
  const text = new Y.XmlText();
  doc.transact(() => {
    const heading = element('heading', { level: 1, id: 'h-1' });
    heading.insert(0, [new Y.XmlText('Title')]);
    const list = element('bulletList', {});
    const item = element('listItem', { checked: false });
    item.insert(0, [element('paragraph', { textAlign: null })]);
    list.insert(0, [item]);
    const paragraph = element('paragraph', { style: { color: '#fff' } });
    paragraph.insert(0, [text]);
    // The types of Yjs do not allow hooks here.
    fragment.insert(0, [heading, paragraph, list, new Y.XmlHook('widget') as unknown as Y.XmlElement]);
    text.insert(0, 'some words of text');
  });
  text.format(0, 10, { bold: true });
  text.format(5, 10, { link: { href: 'https://example.com' } });
  text.insertEmbed(3, { type: 'mention', attrs: { id: 1 } });
  text.delete(2, 8);
  fragment.delete(0, 1);
  return [...updates, Y.encodeStateAsUpdate(doc)];
}

function element(name: string, attributes: Readonly<Record<string, unknown>>): Y.XmlElement {
  const made = new Y.XmlElement(name);
  // Editors store numbers, objects and null as attributes. The types of Yjs allow strings only.
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value as string);
  return made;
}
