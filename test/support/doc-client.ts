import * as Y from 'yjs';
import type { FakeClient } from './sync-harness.ts';

/** A stock editor on the client's side of a `FakeClient`: applies what comes, answers, and remembers when it was synced. */
export class DocClient {
  readonly doc: Y.Doc;
  readonly client: FakeClient;
  /** How often a SyncStep2 came. */
  synced = 0;
  /** Whether nothing was missing when the last SyncStep2 came. */
  wholeWhenSynced = false;
  /** What the document held, as text, after each message that carried an update. */
  readonly texts: string[] = [];

  constructor(client: FakeClient, doc: Y.Doc = new Y.Doc()) {
    this.client = client;
    this.doc = doc;
  }

  /** Sends SyncStep1, as the stock client does on open. */
  ask(): void {
    this.client.send({ type: 'sync-step-1', stateVector: Y.encodeStateVector(this.doc) });
  }

  /** Reads what has come. */
  read(): void {
    for (const frame of this.client.take()) {
      if (frame.type === 'sync-step-1') {
        this.client.answer(Y.encodeStateAsUpdate(this.doc, frame.stateVector));
      } else if (frame.type === 'sync-step-2' || frame.type === 'update') {
        Y.applyUpdate(this.doc, frame.update, 'server');
        this.texts.push(this.text);
        if (frame.type === 'update') continue;
        this.synced++;
        this.wholeWhenSynced = this.isWhole;
      }
    }
  }

  get text(): string {
    return this.doc.getText().toJSON();
  }

  /** Nothing waits in it for something missing. */
  get isWhole(): boolean {
    return this.doc.store.pendingStructs === null && this.doc.store.pendingDs === null;
  }
}
