import type { SnapshotPart } from '../update-log.ts';

/** The input of a fold: the last snapshot (its parts and its pending update) and the entries after it, in order. */
export interface CompactionInput {
  readonly snapshot: readonly Uint8Array[];
  readonly entries: readonly { readonly seq: number; readonly update: Uint8Array }[];
  /** Keeps deleted content, for editors that restore versions (`gc: false`). Otherwise it is garbage-collected. */
  readonly keepDeleted?: boolean;
}

/** A verified snapshot. The fields have the same meaning as in `Snapshot`. */
export interface CompactionOutput {
  readonly parts: readonly (SnapshotPart & { readonly data: Uint8Array })[];
  readonly pending: Uint8Array | null;
  readonly stateVector: Uint8Array;
  readonly deleteSet: Uint8Array;
  /** Entries that poison the document, by `seq`. They are not part of the result and must be set aside. */
  readonly setAside: readonly number[];
  /**
   * The part of the snapshot's pending update that poisons the document now that it can integrate, as one update. It
   * must be set aside too. Null if there is none.
   */
  readonly waitingSetAside: Uint8Array | null;
}

/**
 * Folds in a worker thread. Rejects with CompactionError if there is no verified result; then nothing may be replaced.
 * The input belongs to the caller and must not change until the promise settles.
 */
export type Compact = (input: CompactionInput) => Promise<CompactionOutput>;
