/** The other end of `YjsWorker`: runs in a thread of its own, one job after the other. Knows Yjs, and no storage. */
import { parentPort } from 'node:worker_threads';
import { mergeInLevels } from '../update/merge.ts';
import { diffStructs } from '../update/parts.ts';
import { defaultScanLimits, scanUpdate } from '../update/scan.ts';
import { decodeStateVector } from '../update/state-vector.ts';
import type { CompactionOutput } from './compaction.ts';
import { fold } from './fold.ts';
import { unpackBytes } from './packed-bytes.ts';
import { failureOf, type YjsJob, type YjsReply } from './yjs-job.ts';

interface Done {
  readonly result: unknown;
  /** What the result holds, each with a buffer of its own: handed over without a copy. */
  readonly bytes: readonly Uint8Array[];
}

parentPort?.on('message', (job: YjsJob) => {
  const { reply, transfer } = answer(job);
  parentPort?.postMessage(reply, transfer);
});

function answer(job: YjsJob): { readonly reply: YjsReply; readonly transfer: readonly ArrayBuffer[] } {
  try {
    const { result, bytes } = perform(job);
    return { reply: { ok: true, result }, transfer: bytes.map((array) => array.buffer as ArrayBuffer) };
  } catch (error) {
    return { reply: { ok: false, failure: failureOf(error) }, transfer: [] };
  }
}

function perform(job: YjsJob): Done {
  const updates = unpackBytes(job.updates);
  if (job.name === 'compact') return compact(updates, job.seqs);
  if (job.name === 'merge') return ofBytes(mergeInLevels(updates));
  const update = argument(updates, 0);
  return job.name === 'diff'
    ? ofBytes(diffStructs(update, decodeStateVector(argument(updates, 1))))
    : { result: scanUpdate(update, job.limits ?? defaultScanLimits), bytes: [] };
}

function compact(updates: readonly Uint8Array[], seqs: readonly number[]): Done {
  const snapshotParts = updates.length - seqs.length;
  const folded = fold({
    snapshot: updates.slice(0, snapshotParts),
    entries: seqs.map((seq, index) => ({ seq, update: argument(updates, snapshotParts + index) })),
  });
  const result: CompactionOutput = {
    ...folded,
    parts: folded.parts.map((part) => ({ ...part, data: ownBuffer(part.data) })),
    pending: folded.pending && ownBuffer(folded.pending),
    stateVector: ownBuffer(folded.stateVector),
    deleteSet: ownBuffer(folded.deleteSet),
    waitingSetAside: folded.waitingSetAside && ownBuffer(folded.waitingSetAside),
  };
  const { parts, pending, stateVector, deleteSet, waitingSetAside } = result;
  const bytes = [...parts.map((part) => part.data), stateVector, deleteSet];
  if (pending !== null) bytes.push(pending);
  if (waitingSetAside !== null) bytes.push(waitingSetAside);
  return { result, bytes };
}

function ofBytes(array: Uint8Array): Done {
  const result = ownBuffer(array);
  return { result, bytes: [result] };
}

/** A transferred buffer takes everything that lies in it along, so a slice is copied first. */
function ownBuffer(array: Uint8Array): Uint8Array {
  return array.byteLength === array.buffer.byteLength ? array : array.slice();
}

function argument(updates: readonly Uint8Array[], index: number): Uint8Array {
  const update = updates[index];
  if (!update) throw new RangeError(`Job without its argument ${index}`);
  return update;
}
