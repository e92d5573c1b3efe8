import * as Y from 'yjs';
import type { Random } from './random.ts';

/** An editor with one text. Each edit returns the update that the editor sends. */
export class Typist {
  readonly doc = new Y.Doc();
  readonly updates: Uint8Array[] = [];

  /** Random tests choose the client id, because the higher id decides between edits at the same place. */
  constructor(clientID?: number) {
    if (clientID !== undefined) this.doc.clientID = clientID;
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin !== 'remote') this.updates.push(update);
    });
  }

  get text(): string {
    return textOf(this.doc);
  }

  get last(): Uint8Array {
    return this.updates.at(-1)!;
  }

  /** Types at the end; returns the update. */
  type(words: string): Uint8Array {
    return this.change((text) => text.insert(text.length, words));
  }

  /** Deletes `length` characters at `index`; returns the update. */
  delete(index: number, length: number): Uint8Array {
    return this.change((text) => text.delete(index, length));
  }

  /** Makes some edits and deletions. Returns their updates. */
  work(count: number): Uint8Array[] {
    const before = this.updates.length;
    for (let i = 0; i < count; i++) {
      if (i % 5 === 4) this.delete(Math.floor(this.text.length / 2), 1);
      else this.type(`${i} `);
    }
    return this.updates.slice(before);
  }

  change(edit: (text: Y.Text) => void): Uint8Array {
    this.doc.transact(() => edit(this.doc.getText()));
    return this.last;
  }

  hear(...updates: readonly Uint8Array[]): this {
    for (const update of updates) Y.applyUpdate(this.doc, update, 'remote');
    return this;
  }

  /** The answer to a SyncStep1. */
  answerTo(stateVector: Uint8Array): Uint8Array {
    return Y.encodeStateAsUpdate(this.doc, stateVector);
  }
}

export function textOf(doc: Y.Doc): string {
  return doc.getText().toJSON();
}

/** The text of a document that has received exactly these updates. */
export function textFrom(...updates: readonly Uint8Array[]): string {
  const doc = new Y.Doc();
  for (const update of updates) Y.applyUpdate(doc, update);
  return textOf(doc);
}

/** A document with words of several clients, each a struct of its own, so that it can be split. */
export function largeText(random: Random, count: number): Typist {
  const people = [1, 2, 3].map((person) => new Typist(person * 1000 + random.below(1000)));
  const writer = new Typist(5000);
  for (let i = 0; i < count; i++) {
    const author = random.pick(people);
    author.hear(...writer.updates.slice(-1));
    const update = author.change((text) => text.insert(random.below(text.length + 1), `word${i} `));
    for (const person of people) if (person !== author) person.hear(update);
    writer.hear(update);
    writer.updates.push(update);
  }
  return writer;
}
