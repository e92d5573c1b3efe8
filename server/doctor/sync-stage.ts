import * as Y from 'yjs';
import { newScratchName } from '../scratch-name.ts';
import { SilenceError } from './deadline.ts';
import { measured } from './examination.ts';
import type { Examination, Stage } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import { ClosedError, DeniedError, firstAnswerMs, SyncClient } from './sync-client.ts';
import type { Message } from './sync-client.ts';
import { syncFailure } from './sync-failure.ts';

const field = 'quire-doctor';
const mark = Uint8Array.of(1);

/**
 * Opens the document without changing it. Then, in a document that nobody else has, edits, waits until that is saved,
 * and looks whether it reaches somebody else. What it wrote is deleted again.
 */
export const syncStage: Stage = async (examination) => {
  const { document } = examination.target;
  if (document !== null) {
    const failure = await open(examination, document);
    if (failure !== null) return [failure];
  }
  return editScratch(examination);
};

async function open(examination: Examination, document: string): Promise<Finding | null> {
  let client: SyncClient | null = null;
  try {
    client = await SyncClient.open(examination, document);
    const bytes = await synced(client, examination);
    measured(examination, 'document', `${bytes} bytes`);
    return null;
  } catch (error) {
    return syncFailure(error, examination, document, client?.heard ?? false);
  } finally {
    client?.close();
  }
}

/** Whether the server says that all is saved, of a document in which nothing was written. */
async function probes(examination: Examination, document: string): Promise<boolean> {
  const client = await SyncClient.open(examination, document);
  try {
    await synced(client, examination);
    client.probe(mark);
    return await client.next(isProbe).then(() => true, silent);
  } finally {
    client.close();
  }
}

async function editScratch(examination: Examination): Promise<readonly Finding[]> {
  const { target } = examination;
  const scratch = newScratchName();
  const clients: SyncClient[] = [];
  const join = async (): Promise<SyncClient> => {
    const client = await SyncClient.open(examination, scratch);
    clients.push(client);
    await synced(client, examination);
    return client;
  };
  try {
    // Both settle, or one would be left open.
    const [reader, writer] = (await Promise.allSettled([join(), join()])).map(valueOf) as [SyncClient, SyncClient];
    const findings = await edit(examination, writer, reader, join);
    if (!findings.some(({ code }) => code === 'sync-read-only')) examination.scratch = scratch;
    return findings;
  } catch (error) {
    // The token is for the document of the URL only.
    const denied =
      error instanceof DeniedError || (error instanceof ClosedError && [4401, 4403].includes(error.closeCode));
    if (denied && target.document !== null) {
      measured(examination, 'writing', 'not tried: the token is for this document only');
      examination.probes = await probes(examination, target.document);
      return examination.probes ? [] : [finding('sync-not-saved')];
    }
    return [syncFailure(error, examination, scratch, clients.at(-1)?.heard ?? false)];
  } finally {
    for (const client of clients) client.close();
  }
}

async function edit(
  examination: Examination,
  writer: SyncClient,
  reader: SyncClient,
  join: () => Promise<SyncClient>,
): Promise<readonly Finding[]> {
  const doc = new Y.Doc();
  doc.getText(field).insert(0, 'x');
  const startMs = examination.deps.monotonicMs();
  writer.update(Y.encodeStateAsUpdate(doc));
  writer.probe(mark);
  const relayed = reader
    .next((message) => isUpdate(message))
    .then(
      () => true,
      (error: unknown) => silent(error),
    );
  // Who may not write does not wait for it.
  relayed.catch(() => {});
  const reply = await writer
    .next((message) => message.type === 'denied' || isProbe(message))
    .catch((error: unknown) => {
      silent(error);
      return null;
    });
  if (reply?.type === 'denied') return [finding('sync-read-only')];
  examination.probes = reply !== null;
  if (reply !== null) measured(examination, 'saved', `${Math.round(examination.deps.monotonicMs() - startMs)} ms`);
  const findings: Finding[] = [];
  if (!(await relayed)) findings.push(finding((await isStored(join)) ? 'sync-not-relayed' : 'sync-not-shared'));
  else if (!examination.probes) findings.push(finding('sync-not-saved'));
  doc.getText(field).delete(0, 1);
  writer.update(Y.encodeStateAsUpdate(doc));
  writer.probe(Uint8Array.of(2));
  if (examination.probes) await writer.next(isProbe).catch(silent);
  return findings;
}

/** False for an answer that did not come; what is worse goes on. */
function silent(error: unknown): false {
  if (error instanceof SilenceError) return false;
  throw error;
}

/** Whether somebody who comes later finds the edit. */
async function isStored(join: () => Promise<SyncClient>): Promise<boolean> {
  const late = await join();
  late.syncStep1();
  const { payload } = (await late.next((message) => message.type === 'sync-step-2')) as { payload: Uint8Array };
  return payload.length > 2;
}

/** Resolves when the server has answered with the document; the bytes of it. Rejects with DeniedError too. */
async function synced(client: SyncClient, { deps }: Examination): Promise<number> {
  client.syncStep1();
  const answer = await client.next(({ type }) => type === 'sync-step-2' || type === 'denied', firstAnswerMs(deps));
  if (answer.type === 'denied') throw new DeniedError(answer.reason);
  return 'payload' in answer ? answer.payload.length : 0;
}

function valueOf<T>(settled: PromiseSettledResult<T>): T {
  if (settled.status === 'fulfilled') return settled.value;
  throw settled.reason;
}

function isProbe(message: Message): boolean {
  return message.type === 'probe';
}

function isUpdate(message: Message): boolean {
  return message.type === 'update' || message.type === 'sync-step-2';
}
