import * as Y from 'yjs';
import { sharedTextName } from '../support/text-writer.ts';
import { applyPatches, loadAutomergePaper } from '../support/traces.ts';
import { Arrival } from './clients/arrival.ts';
import { LoadClient } from './clients/load-client.ts';
import type { Endpoint } from './servers/target.ts';

/** The client id of the paper's author. */
const author = 1;
/** Maximum number of updates in flight. The next one is sent when one of them has come back. */
const windowUpdates = 500;

/** A real document as its author's editor sends it: a paper about Automerge with 259,778 edits and 105 KB of text. */
export interface Paper {
  readonly author: number;
  readonly updates: readonly Uint8Array[];
  /** The author's clock after each update. */
  readonly clocks: readonly number[];
  /** The author's clock at the end. */
  readonly end: number;
  readonly edits: number;
  readonly content: string;
  /** The whole document as one update, encoded by Yjs. */
  readonly state: Uint8Array;
}

export function writePaper(editsPerUpdate: number, maxEdits = Infinity): Paper {
  const { startContent, txns } = loadAutomergePaper();
  const edits = Math.min(maxEdits, txns.length);
  const doc = new Y.Doc();
  doc.clientID = author;
  const updates: Uint8Array[] = [];
  const clocks: number[] = [];
  doc.on('update', (update: Uint8Array) => {
    updates.push(update);
    clocks.push(Y.getState(doc.store, author));
  });
  const text = doc.getText(sharedTextName);
  if (startContent !== '') text.insert(0, startContent);
  for (let at = 0; at < edits; at += editsPerUpdate) {
    doc.transact(() => {
      for (const { patches } of txns.slice(at, Math.min(edits, at + editsPerUpdate))) applyPatches(text, patches);
    });
  }
  const state = Y.encodeStateAsUpdate(doc);
  return { author, updates, clocks, end: clocks.at(-1) ?? 0, edits, content: text.toJSON(), state };
}

/** Writes the paper into a document, update by update. Resolves when all updates have come back to the author. */
export async function storePaper(
  endpoint: Endpoint,
  room: string,
  { updates, clocks, end }: Paper,
): Promise<LoadClient> {
  const client = await LoadClient.open(endpoint, room);
  const arrival = new Arrival(author, end);
  let sent = 0;
  let returned = 0;
  const send = (): void => {
    while (returned < updates.length && (clocks[returned] ?? 0) <= arrival.clock) returned++;
    for (; sent < updates.length && sent < returned + windowUpdates; sent++) {
      const update = updates[sent];
      if (update) client.edit(update);
    }
  };
  arrival.onProgress = send;
  client.onUpdate = (update): void => arrival.take(update);
  send();
  await orClosed(client, arrival.complete());
  return client;
}

/** Writes the paper into a document in one update. Resolves when it has come back. */
export async function storeState(endpoint: Endpoint, room: string, { state, end }: Paper): Promise<LoadClient> {
  const client = await LoadClient.open(endpoint, room);
  const arrival = new Arrival(author, end);
  client.onUpdate = (update): void => arrival.take(update);
  client.edit(state);
  await orClosed(client, arrival.complete());
  return client;
}

/** Opens the document. Resolves when the whole paper has arrived. SyncStep2 may arrive before that, and be empty. */
export async function openPaper(endpoint: Endpoint, room: string, { end }: Paper, read?: Reader): Promise<LoadClient> {
  const arrival = new Arrival(author, end, read);
  const client = await LoadClient.open(endpoint, room, { onUpdate: (update) => arrival.take(update) });
  await orClosed(client, arrival.complete());
  return client;
}

type Reader = ConstructorParameters<typeof Arrival>[2];

/** Rejects if the text of the document is not that of the paper. */
export async function checkPaper(endpoint: Endpoint, room: string, paper: Paper): Promise<void> {
  const doc = new Y.Doc();
  const arrival = new Arrival(author, paper.end);
  const client = await LoadClient.open(endpoint, room, {
    onUpdate: (update) => {
      Y.applyUpdate(doc, update);
      arrival.take(update);
    },
  });
  await orClosed(client, arrival.complete());
  client.terminate();
  if (doc.getText(sharedTextName).toJSON() !== paper.content)
    throw new Error('The document differs from what was written');
}

export async function orClosed(client: LoadClient, work: Promise<void>): Promise<void> {
  const closed = client.closed.then((why) => {
    throw new Error(`A client was closed: ${why}`);
  });
  await Promise.race([work, closed]);
}
