import * as Y from 'yjs';
import type { Random } from './random.ts';

/** Editors of one document that make edits of these kinds and only sometimes receive those of the others. */
export class RandomEditors {
  /** Every edit, in an order in which a server could have received them. */
  readonly updates: Uint8Array[] = [];
  readonly #random: Random;
  readonly #kinds: readonly Edit[];
  readonly #editors: readonly Editor[];

  constructor(random: Random, count = 3, kinds = everyEdit) {
    this.#random = random;
    this.#kinds = kinds;
    this.#editors = Array.from({ length: count }, (_, index) => {
      const doc = new Y.Doc();
      doc.clientID = index * 1000 + 1 + random.below(1000);
      doc.on('update', (update: Uint8Array, origin: unknown) => {
        if (origin !== 'synced') this.updates.push(update);
      });
      return { doc, undo: new Y.UndoManager([doc.getText('text'), doc.getMap('map')], { captureTimeout: 0 }) };
    });
  }

  edit(times: number): this {
    for (let i = 0; i < times; i++) {
      const editor = this.#random.pick(this.#editors);
      if (this.#random.below(4) === 0) this.#hear(editor);
      editor.doc.transact(() => this.#random.pick(this.#kinds)(editor.doc, this.#random));
      if (this.#random.below(12) === 0) editor.undo.undo();
      if (this.#random.below(20) === 0) editor.undo.redo();
    }
    return this;
  }

  #hear({ doc }: Editor): void {
    const other = this.#random.pick(this.#editors).doc;
    Y.applyUpdate(doc, Y.encodeStateAsUpdate(other, Y.encodeStateVector(doc)), 'synced');
  }
}

type Edit = (doc: Y.Doc, random: Random) => void;

interface Editor {
  readonly doc: Y.Doc;
  readonly undo: Y.UndoManager;
}

const marks = [{ bold: true }, { bold: null }, { link: { href: 'https://example.com' } }, { link: null }];
const values = [1, -0.5, 'ä🙂', null, true, { deep: [1, { er: 'x' }] }, [1n, 2 ** 40], new Uint8Array([1, 2, 3])];

const typeSomething: Edit = (doc, random) => type(doc.getText('text'), random);

const markSomething: Edit = (doc, random) => {
  const text = doc.getText('text');
  const at = random.below(text.length + 1);
  text.format(at, random.below(text.length - at + 1), random.pick(marks));
};

const markTheBeginning: Edit = (doc, random) => {
  const text = doc.getText('text');
  text.format(0, random.below(text.length + 1), random.pick(marks));
};

const addParagraph: Edit = (doc, random) => {
  const xml = doc.getXmlFragment('xml');
  const paragraph = new Y.XmlElement('paragraph');
  paragraph.setAttribute('align', random.pick(['left', 'right']));
  paragraph.insert(0, [new Y.XmlText('Once upon a time')]);
  xml.insert(random.below(xml.length + 1), [paragraph]);
};

const markInParagraph: Edit = (doc, random) => {
  const xml = doc.getXmlFragment('xml');
  const paragraph = xml.length > 0 ? xml.get(random.below(xml.length)) : null;
  const text = paragraph instanceof Y.XmlElement ? paragraph.get(0) : null;
  if (!(text instanceof Y.XmlText)) return;
  type(text, random);
  text.format(0, random.below(text.length + 1), random.pick(marks));
};

/** Edits after which Yjs cleans up formatting marks, which it does at the start of a text and around deletions. */
export const formattingEdits: readonly Edit[] = [
  typeSomething,
  markSomething,
  markTheBeginning,
  markTheBeginning,
  addParagraph,
  markInParagraph,
  markInParagraph,
];

const everyEdit: readonly Edit[] = [
  typeSomething,
  typeSomething,
  markSomething,
  (doc, random) => {
    const text = doc.getText('text');
    text.insertEmbed(random.below(text.length + 1), { image: 'a.png', width: random.below(500) });
  },
  (doc, random) => doc.getMap('map').set(`key ${random.below(5)}`, random.pick(values)),
  (doc, random) => doc.getMap('map').delete(`key ${random.below(5)}`),
  (doc, random) => {
    const array = doc.getArray('array');
    array.insert(random.below(array.length + 1), [random.pick(values), random.pick(values)]);
  },
  (doc, random) => shorten(doc.getArray('array'), random),
  (doc, random) => {
    const inner = new Y.Map<unknown>();
    const list = new Y.Array<unknown>();
    list.push([new Y.Text('nested'), random.pick(values)]);
    inner.set('list', list);
    const subdocument = new Y.Doc({ autoLoad: random.below(2) === 0, guid: `subdocument ${random.below(1_000_000)}` });
    doc.getArray('array').push([inner, subdocument]);
  },
  addParagraph,
  markInParagraph,
  (doc, random) => shorten(doc.getXmlFragment('xml'), random),
];

function type(text: Y.Text, random: Random): void {
  const at = random.below(text.length + 1);
  if (random.below(3) > 0) text.insert(at, random.pick(['a', 'word ', '🙂', 'ä']));
  else text.delete(at, random.below(Math.min(text.length - at, 9) + 1));
}

function shorten(list: Y.Array<unknown> | Y.XmlFragment, random: Random): void {
  const at = random.below(list.length + 1);
  if (at < list.length) list.delete(at, 1 + random.below(Math.min(list.length - at, 3)));
}
