import * as Y from 'yjs';
import { SilenceError } from './deadline.ts';
import { measured } from './examination.ts';
import type { Examination, Stage } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import { ClosedError, SyncClient } from './sync-client.ts';
import { syncFailure } from './sync-failure.ts';

/** The size of a pasted picture, or of a day of offline work. */
const largeBytes = 1024 * 1024;
const field = 'quire-doctor-size';

/** Sends a large edit from one connection to a second one, and deletes it again. */
export const sizeStage: Stage = async (examination) => {
  const { scratch } = examination;
  if (scratch === null) {
    measured(examination, 'message of 1 MB', 'not tried: there is no document that may be written');
    return [];
  }
  const clients: SyncClient[] = [];
  const join = async (): Promise<SyncClient> => {
    const client = await SyncClient.open(examination, scratch);
    clients.push(client);
    client.syncStep1();
    await client.next(({ type }) => type === 'sync-step-2');
    return client;
  };
  try {
    await send(examination, await join(), await join());
    return [];
  } catch (error) {
    return [await failure(error, examination, scratch)];
  } finally {
    for (const client of clients) client.close();
  }
};

async function send(examination: Examination, writer: SyncClient, reader: SyncClient): Promise<void> {
  const { deps } = examination;
  const doc = new Y.Doc();
  doc.getText(field).insert(0, 'x'.repeat(largeBytes));
  const startMs = deps.monotonicMs();
  writer.update(Y.encodeStateAsUpdate(doc));
  const arrived = reader.next((message) => message.type === 'update' && message.payload.length > largeBytes);
  // If the edit is refused, only the writer is told. The reader just gets nothing.
  await Promise.race([arrived, writer.failed]);
  measured(examination, 'message of 1 MB', `${Math.round(deps.monotonicMs() - startMs)} ms`);
  doc.getText(field).delete(0, largeBytes);
  writer.update(Y.encodeStateAsUpdate(doc));
  if (!examination.probes) return;
  writer.probe(Uint8Array.of(3));
  await writer.next(({ type }) => type === 'probe');
}

async function failure(error: unknown, examination: Examination, document: string): Promise<Finding> {
  const facts = { size: '1 MB', seconds: examination.deps.stepTimeoutMs / 1000 };
  if (error instanceof SilenceError) return finding('size-stalled', facts);
  if (!(error instanceof ClosedError)) return syncFailure(error, examination, { document, heard: true });
  const { closeCode } = error;
  return finding(closeCode === 1009 || closeCode === 4413 ? 'size-refused' : 'size-cut', { ...facts, closeCode });
}
