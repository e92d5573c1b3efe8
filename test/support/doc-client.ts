import * as Y from 'yjs';
import type { FakeClient } from './sync-harness.ts';

/**
 * A Y.Doc behind a `FakeClient`: applies what it receives, answers, and records when it was synced, like a stock
 * client.
 */
export class DocClient {
  readonly doc: Y.Doc;
  readonly client: FakeClient;
  /** The number of SyncStep2 messages received. */
  synced = 0;
  /** Whether no edit was missing when the last SyncStep2 arrived. */
  wholeWhenSynced = false;
  /** The text of the document after each message with an update. */
  readonly texts: string[] = [];

  constructor(client: FakeClient, doc: Y.Doc = new Y.Doc()) {
    this.client = client;
    this.doc = doc;
  }

  /** Sends SyncStep1, as the stock client does on open. */
  ask(): void {
    this.client.send({ type: 'sync-step-1', stateVector: Y.encodeStateVector(this.doc) });
  }

  /** Reads the messages that have arrived. */
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

  /** Whether no edit waits for a missing one. */
  get isWhole(): boolean {
    return this.doc.store.pendingStructs === null && this.doc.store.pendingDs === null;
  }
}
