import { newScratchName } from '../net/scratch-name.ts';
import { measured } from './examination.ts';
import type { Stage } from './examination.ts';
import { finding } from './finding.ts';
import { ClosedError, SyncClient } from './sync-client.ts';
import { syncFailure } from './sync-failure.ts';

/** Sends nothing for `idleMs`, like a user who only reads, and then checks that the connection still works. */
export const idleStage: Stage = async (examination) => {
  const { deps, target } = examination;
  if (deps.idleMs === null) return [];
  const document = examination.scratch ?? target.document ?? newScratchName();
  let client: SyncClient | null = null;
  const startMs = deps.monotonicMs();
  const seconds = (): number => Math.round((deps.monotonicMs() - startMs) / 1000);
  try {
    client = await SyncClient.open(examination, document);
    client.syncStep1();
    await client.next(({ type }) => type === 'sync-step-2');
    client.heard = false;
    await client.silence(deps.idleMs);
    const { failure, heard } = client;
    if (failure instanceof ClosedError) {
      return [finding('idle-cut', { after: seconds(), closeCode: failure.closeCode })];
    }
    const after = seconds();
    client.syncStep1();
    const alive = await client
      .next(({ type }) => type === 'sync-step-2')
      .then(
        () => true,
        () => false,
      );
    if (!alive) return [finding('idle-dead', { after })];
    measured(examination, 'silence', `${after} s`);
    return heard || deps.idleMs < deps.proxyIdleMs ? [] : [finding('idle-no-ping', { after })];
  } catch (error) {
    return [await syncFailure(error, examination, { document, heard: client?.heard ?? false })];
  } finally {
    client?.close();
  }
};
