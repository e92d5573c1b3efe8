/** The thread side of `YjsWorker`: runs one job after the other. It knows Yjs but not storage. */
import { parentPort } from 'node:worker_threads';
import { mergeInLevels } from '../update/merge.ts';
import { diffStructs } from '../update/parts.ts';
import { defaultScanLimits, scanUpdate } from '../update/scan.ts';
import type { ScanLimits, UpdateFacts } from '../update/scan.ts';
import { decodeStateVector } from '../update/state-vector.ts';
import type { CompactionOutput } from './compaction.ts';
import { fold } from './fold.ts';
import { unpackBytes } from './packed-bytes.ts';
import { failureOf } from './yjs-job.ts';
import type { YjsJob, YjsReply } from './yjs-job.ts';

interface Done {
  readonly result: unknown;
  /** The arrays in the result, each with a buffer of its own, so that they are transferred and not copied. */
  readonly arrays: readonly (Uint8Array | Float64Array)[];
}

parentPort?.on('message', (job: YjsJob) => {
  const { reply, transfer } = answer(job);
  parentPort?.postMessage(reply, transfer);
});

function answer(job: YjsJob): { readonly reply: YjsReply; readonly transfer: readonly ArrayBuffer[] } {
  try {
    const { result, arrays } = perform(job);
    return { reply: { ok: true, result }, transfer: arrays.map((array) => array.buffer as ArrayBuffer) };
  } catch (error) {
    return { reply: { ok: false, failure: failureOf(error) }, transfer: [] };
  }
}

function perform(job: YjsJob): Done {
  const updates = unpackBytes(job.updates);
  if (job.name === 'compact') return compact(updates, job);
  if (job.name === 'merge') return ofBytes(mergeInLevels(updates));
  const update = argument(updates, 0);
  return job.name === 'diff'
    ? ofBytes(diffStructs(update, decodeStateVector(argument(updates, 1))))
    : scan(update, job.limits ?? defaultScanLimits);
}

function compact(updates: readonly Uint8Array[], { seqs, keepDeleted }: YjsJob): Done {
  const snapshotParts = updates.length - seqs.length;
  const folded = fold({
    snapshot: updates.slice(0, snapshotParts),
    entries: seqs.map((seq, index) => ({ seq, update: argument(updates, snapshotParts + index) })),
    keepDeleted,
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
  const arrays = [...parts.map((part) => part.data), stateVector, deleteSet];
  if (pending !== null) arrays.push(pending);
  if (waitingSetAside !== null) arrays.push(waitingSetAside);
  return { result, arrays };
}

/**
 * Returns the numbers in typed arrays: copying a million numbers to another thread would take it as long as the scan.
 */
function scan(update: Uint8Array, limits: ScanLimits): Done {
  const scanned = scanUpdate(update, limits);
  const intervals = Float64Array.from(scanned.intervals);
  const deletes = Float64Array.from(scanned.deletes);
  const dependencies = Float64Array.from(scanned.dependencies);
  const result: UpdateFacts = { ...scanned, intervals, deletes, dependencies };
  return { result, arrays: [intervals, deletes, dependencies] };
}

function ofBytes(array: Uint8Array): Done {
  const result = ownBuffer(array);
  return { result, arrays: [result] };
}

/** Copies a slice, because a transfer would take the whole buffer along. */
function ownBuffer(array: Uint8Array): Uint8Array {
  return array.byteLength === array.buffer.byteLength ? array : array.slice();
}

function argument(updates: readonly Uint8Array[], index: number): Uint8Array {
  const update = updates[index];
  if (!update) throw new RangeError(`The job lacks its argument ${index}`);
  return update;
}
