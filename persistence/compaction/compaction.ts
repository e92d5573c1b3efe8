import type { SnapshotPart } from '../update-log.ts';

/** What is folded together: the last snapshot (its parts, and what was pending) and the entries after it, in order. */
export interface CompactionInput {
  readonly snapshot: readonly Uint8Array[];
  readonly entries: readonly { readonly seq: number; readonly update: Uint8Array }[];
  /** Keeps the content of what was deleted, for editors that restore versions (`gc: false`). Else it is collected. */
  readonly keepDeleted?: boolean;
}

/** A verified snapshot; the fields mean what they mean in `Snapshot`. */
export interface CompactionOutput {
  readonly parts: readonly (SnapshotPart & { readonly data: Uint8Array })[];
  readonly pending: Uint8Array | null;
  readonly stateVector: Uint8Array;
  readonly deleteSet: Uint8Array;
  /** Entries that poison the document, by `seq`. They are not in the result and must be set aside. */
  readonly setAside: readonly number[];
  /** What waited in the snapshot and poisons the document now that it fits, as one update: to be set aside too. Null if nothing does. */
  readonly waitingSetAside: Uint8Array | null;
}

/**
 * Folds in a worker thread. Rejects with CompactionError if no verified result can be had; then nothing may be replaced.
 * The input's bytes stay the caller's, and must not change until the promise settles.
 */
export type Compact = (input: CompactionInput) => Promise<CompactionOutput>;
