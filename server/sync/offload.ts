import type { ScanLimits, UpdateFacts } from '../../persistence/update/scan.ts';

/**
 * Larger updates of clients are scanned in a worker thread: the event loop may not be blocked for 50 ms (I6). What is scanned on
 * it is judged and stored in the same turn. Text takes 9 ms per MB, the smallest structs and deletions 60 ms.
 */
export const OFFLOAD_INPUT_BYTES = 512 * 1024;

/**
 * Above this, stored updates are scanned and, by `readingWeight`, compared (26 ms per MB) in a worker thread: on the event loop
 * each of them has a turn.
 */
export const OFFLOAD_BYTES = 1024 * 1024;

/** Updates that weigh more together (`mergingWeight`) are merged in a worker or not at all. */
export const MAX_MERGE_WEIGHT = 256 * 1024;

/** Work on large updates, in a worker thread. What is passed in is copied, never taken away. */
export interface Offload {
  /** Does the work of `scanUpdate`. Rejects with MalformedUpdateError. */
  scan(update: Uint8Array, limits: ScanLimits): Promise<UpdateFacts>;
  /** The structs of `update` that somebody with this state vector lacks, without its delete set. */
  diff(update: Uint8Array, stateVector: Uint8Array): Promise<Uint8Array>;
  /** One update that says what all of them say. */
  merge(updates: readonly Uint8Array[]): Promise<Uint8Array>;
}
