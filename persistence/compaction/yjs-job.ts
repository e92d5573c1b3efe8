/** The messages between `YjsWorker` and its thread. */
import { CompactionError, MalformedUpdateError, WorkerJobError } from '../errors.ts';
import type { CompactionErrorCode, MalformedUpdateCode } from '../errors.ts';
import type { ScanLimits } from '../update/scan.ts';
import type { PackedBytes } from './packed-bytes.ts';

export interface YjsJob {
  readonly name: 'compact' | 'scan' | 'diff' | 'merge';
  /** `compact`: the snapshot, then the entries. `diff`: the update and the state vector. */
  readonly updates: PackedBytes;
  /** `compact`: the sequence numbers of the entries. Otherwise empty. */
  readonly seqs: readonly number[];
  /** `scan`: the limits. Otherwise null. */
  readonly limits: ScanLimits | null;
  /** `compact`: as in `CompactionInput`. */
  readonly keepDeleted: boolean;
}

/** The thread answers every job with one of these, in order. */
export type YjsReply =
  { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly failure: JobFailure };

/** An error in a form that keeps its class and code between threads. A structured clone would lose both. */
type JobFailure =
  | {
      readonly kind: 'compaction';
      readonly code: CompactionErrorCode;
      readonly message: string;
      readonly cause: string;
    }
  | { readonly kind: 'malformed'; readonly code: MalformedUpdateCode; readonly offset: number }
  | { readonly kind: 'other'; readonly cause: string };

export function failureOf(error: unknown): JobFailure {
  if (error instanceof CompactionError) {
    return { kind: 'compaction', code: error.code, message: error.message, cause: describe(error.cause) };
  }
  if (error instanceof MalformedUpdateError) return { kind: 'malformed', code: error.code, offset: error.offset };
  return { kind: 'other', cause: describe(error) };
}

export function errorOf(failure: JobFailure): Error {
  if (failure.kind === 'malformed') return new MalformedUpdateError(failure.code, failure.offset);
  const { cause } = failure;
  return failure.kind === 'compaction'
    ? new CompactionError(failure.code, failure.message, { cause })
    : new WorkerJobError('WORKER_JOB_THREW', 'A job in a worker thread threw an error', { cause });
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
