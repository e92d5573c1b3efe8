import * as Y from 'yjs';
import { newScratchName } from '../net/scratch-name.ts';
import { SilenceError } from './deadline.ts';
import { atEveryAddress } from './every-address.ts';
import { measured } from './examination.ts';
import type { Examination, HostAddress, Stage } from './examination.ts';
import { finding, noted } from './finding.ts';
import type { Finding } from './finding.ts';
import { ClosedError, DeniedError, firstAnswerMs, SyncClient } from './sync-client.ts';
import type { Message } from './sync-client.ts';
import { syncFailure } from './sync-failure.ts';

const field = 'quire-doctor';
const mark = Uint8Array.of(1);

/**
 * Opens the document at every address, without changing it. Then makes an edit in a scratch document, waits until the
 * edit is saved, and checks that it reaches one other client at each address. The edit is deleted again.
 */
export const syncStage: Stage = async (examination) => {
  const { document } = examination.target;
  if (document !== null) {
    const findings = await atEveryAddress(examination, (address) => open(examination, document, address));
    if (findings.length > 0) return findings;
  }
  return editScratch(examination);
};

async function open(examination: Examination, document: string, address: HostAddress): Promise<readonly Finding[]> {
  let client: SyncClient | null = null;
  try {
    client = await SyncClient.open(examination, document, address);
    const bytes = await synced(client, examination);
    if (address === examination.address) measured(examination, 'document', `${bytes} bytes`);
    return [];
  } catch (error) {
    const failedAt = { document, address, heard: client?.heard ?? false, isFirst: true };
    return [await syncFailure(error, examination, failedAt)];
  } finally {
    client?.close();
  }
}

/** Whether the server answers the saved probe. Writes nothing. */
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

/** For a client that may open only the document of the URL: checks the saved probe there. */
async function onlyProbe(examination: Examination, document: string, why: string): Promise<readonly Finding[]> {
  measured(examination, 'writing', `not tried: ${why}`);
  try {
    examination.probes = await probes(examination, document);
  } catch (error) {
    return [await syncFailure(error, examination, { document, heard: true })];
  }
  return examination.probes ? [] : [finding('sync-not-saved')];
}

async function editScratch(examination: Examination): Promise<readonly Finding[]> {
  const { target, folder } = examination;
  if (folder === null) {
    // The scratch document could get a name that is not a scratch name, and be kept permanently.
    const why = 'where the name of the document begins in the URL is not known';
    if (target.document !== null) return onlyProbe(examination, target.document, why);
    measured(examination, 'writing', `not tried: ${why}`);
    return [];
  }
  const scratch = newScratchName();
  const clients: SyncClient[] = [];
  const join: Join = async (address) => {
    const client = await SyncClient.open(examination, scratch, address);
    clients.push(client);
    await synced(client, examination);
    return client;
  };
  try {
    const { answering } = examination;
    // Wait for all of them, so that each is closed below.
    const joined = await Promise.allSettled([examination.address!, ...answering].map(join));
    const [writer, ...readers] = joined.map(valueOf) as [SyncClient, ...SyncClient[]];
    const findings = await edit(examination, writer, readers, join);
    if (!findings.some(({ code }) => code === 'sync-read-only')) examination.scratch = scratch;
    return findings;
  } catch (error) {
    const denied =
      error instanceof DeniedError || (error instanceof ClosedError && [4401, 4403].includes(error.closeCode));
    if (denied && target.document !== null) {
      return onlyProbe(examination, target.document, 'the token is for this document only');
    }
    const failedAt = {
      document: scratch,
      heard: clients.at(-1)?.heard ?? false,
      isFirst: target.document === null && !(clients.at(-1)?.understood ?? false),
    };
    return [await syncFailure(error, examination, failedAt)];
  } finally {
    for (const client of clients) client.close();
  }
}

type Join = (address: HostAddress) => Promise<SyncClient>;

async function edit(
  examination: Examination,
  writer: SyncClient,
  readers: readonly SyncClient[],
  join: Join,
): Promise<readonly Finding[]> {
  const doc = new Y.Doc();
  doc.getText(field).insert(0, 'x');
  const startMs = examination.deps.monotonicMs();
  writer.update(Y.encodeStateAsUpdate(doc));
  writer.probe(mark);
  const relayed = Promise.all(readers.map((reader) => reader.next(isUpdate).then(() => true, silent)));
  // Not awaited if this client may not write.
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
  const findings = await missed(examination, await relayed, join);
  if (findings.length === 0 && !examination.probes) findings.push(finding('sync-not-saved'));
  doc.getText(field).delete(0, 1);
  writer.update(Y.encodeStateAsUpdate(doc));
  writer.probe(Uint8Array.of(2));
  if (examination.probes) await writer.next(isProbe).catch(silent);
  return findings;
}

/** The findings if the edit did not reach the reader of an address. */
async function missed(
  { answering, address, target }: Examination,
  relayed: readonly boolean[],
  join: Join,
): Promise<Finding[]> {
  const index = relayed.indexOf(false);
  const missing = answering[index];
  if (missing === undefined) return [];
  const found = finding((await isStored(join, missing)) ? 'sync-not-relayed' : 'sync-not-shared');
  if (missing === address) return [found];
  return [noted(`From ${address!.address} to ${missing.address}, both addresses of ${target.host}`, found)];
}

/** Returns false if an answer did not come. Throws any other error again. */
function silent(error: unknown): false {
  if (error instanceof SilenceError) return false;
  throw error;
}

/** Whether a client that connects later gets the edit. */
async function isStored(join: Join, address: HostAddress): Promise<boolean> {
  const late = await join(address);
  late.syncStep1();
  const { payload } = (await late.next((message) => message.type === 'sync-step-2')) as { payload: Uint8Array };
  return payload.length > 2;
}

/** Waits for the document. Resolves with its size in bytes. Rejects also with DeniedError. */
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
