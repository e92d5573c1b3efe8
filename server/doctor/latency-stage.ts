import { newScratchName } from '../net/scratch-name.ts';
import { measured, percentile } from './examination.ts';
import type { Stage } from './examination.ts';
import { finding } from './finding.ts';
import { SyncClient } from './sync-client.ts';
import { syncFailure } from './sync-failure.ts';

const roundTrips = 20;
/** On a slow connection, fewer round trips must be enough. */
const budgetMs = 1_500;
/** Above this, users notice that the carets of others lag. */
const slowMs = 300;
const unevenMs = 1_000;

/** Measures round trips of a small message that the server answers at once. */
export const latencyStage: Stage = async (examination) => {
  const { deps, target } = examination;
  const document = examination.scratch ?? target.document ?? newScratchName();
  let client: SyncClient | null = null;
  const durationsMs: number[] = [];
  try {
    client = await SyncClient.open(examination, document);
    client.syncStep1();
    await client.next(({ type }) => type === 'sync-step-2');
    const endMs = deps.monotonicMs() + budgetMs;
    while (durationsMs.length < roundTrips && deps.monotonicMs() < endMs) {
      const startMs = deps.monotonicMs();
      if (examination.probes) client.probe(Uint8Array.of(durationsMs.length));
      else client.syncStep1();
      await client.next(({ type }) => type === (examination.probes ? 'probe' : 'sync-step-2'));
      durationsMs.push(deps.monotonicMs() - startMs);
    }
  } catch (error) {
    return [await syncFailure(error, examination, { document, heard: client?.heard ?? false })];
  } finally {
    client?.close();
  }
  const facts = { p50: Math.round(percentile(durationsMs, 0.5)), p99: Math.round(percentile(durationsMs, 0.99)) };
  measured(examination, 'round trip', `p50 ${facts.p50} ms, p99 ${facts.p99} ms, of ${durationsMs.length}`);
  if (facts.p50 > slowMs) return [finding('latency-slow', facts)];
  return facts.p99 > unevenMs ? [finding('latency-uneven', facts)] : [];
};
