import * as Y from 'yjs';
import { Disposer } from '../../support/owner.ts';
import { RawClient } from '../../support/raw-client.ts';
import { sharedTextName } from '../../support/text-writer.ts';
import { applyPatches, loadAutomergePaper } from '../../support/traces.ts';
import { startQuire } from '../target.ts';
import type { Workload } from '../workload.ts';

const editsPerUpdate = 100;

interface FirstSync {
  readonly durationMs: number;
  readonly bytes: number;
}

/** The first who opens a real document after the server was restarted: 259,778 edits of one person, 105 KB of text. */
export const firstSync: Workload = {
  name: 'first-sync',
  describe: ({ quick }) => `${quick ? 'the beginning of ' : ''}automerge-paper, stored, opened after a restart`,
  run: async (settings) => {
    const disposer = new Disposer();
    try {
      const quire = await startQuire(disposer);
      const { content, updates } = write(settings.quick ? 10_000 : Infinity);
      const writer = await RawClient.open(`${quire.url}/paper`);
      await writer.sync();
      for (const update of updates) writer.edit(update);
      await writer.saved(120_000);
      await writer.close();
      const syncs: FirstSync[] = [];
      for (let repetition = 0; repetition < settings.repetitions; repetition++) {
        await quire.process.stop();
        await quire.restart();
        // Another document first: what is measured is the document, not the first WebSocket of a process.
        await open(`${quire.url}/other`);
        syncs.push(await open(`${quire.url}/paper`, content));
      }
      return [
        {
          name: 'SyncStep1 to SyncStep2',
          unit: 'ms',
          relay: null,
          quire: syncs.map(({ durationMs }) => durationMs),
          goal: settings.quick ? null : { kind: 'absolute', most: 25 },
        },
        {
          name: 'bytes',
          unit: 'MB',
          relay: null,
          quire: syncs.map(({ bytes }) => bytes / 1e6),
          goal: settings.quick ? null : { kind: 'absolute', most: 2 },
        },
      ];
    } finally {
      await disposer.dispose();
    }
  },
};

/** Opens a document and syncs from nothing; with `content`, rejects if it is not what was stored. */
async function open(url: string, content?: string): Promise<FirstSync> {
  const client = await RawClient.open(url);
  const startMs = performance.now();
  const updates = await client.sync();
  const durationMs = performance.now() - startMs;
  const bytes = client.bytesReceived;
  client.terminate();
  if (content !== undefined) {
    const doc = new Y.Doc();
    for (const update of updates) Y.applyUpdate(doc, update);
    if (doc.getText(sharedTextName).toJSON() !== content) throw new Error('The document is not what was written');
  }
  return { durationMs, bytes };
}

function write(maxEdits: number): { content: string; updates: Uint8Array[] } {
  const { startContent, txns } = loadAutomergePaper();
  const doc = new Y.Doc();
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => updates.push(update));
  const text = doc.getText(sharedTextName);
  if (startContent !== '') text.insert(0, startContent);
  for (let at = 0; at < Math.min(maxEdits, txns.length); at += editsPerUpdate) {
    doc.transact(() => {
      for (const { patches } of txns.slice(at, at + editsPerUpdate)) applyPatches(text, patches);
    });
  }
  return { content: text.toJSON(), updates };
}
