import type { ScanLimits, UpdateFacts } from '../../persistence/update/scan.ts';

/**
 * Larger updates of clients are scanned in a worker thread, because the event loop may not be blocked for 50 ms (I6). A
 * smaller update is scanned, judged and stored in one turn of the event loop. Scanning text takes 9 ms per MB, the
 * smallest structs and deletions 60 ms.
 */
export const offloadInputBytes = 512 * 1024;

/**
 * Larger stored updates are scanned in a worker thread, and compared there if their `readingWeight` is above this (26
 * ms per MB). On the event loop each of them takes one turn.
 */
export const offloadBytes = 1024 * 1024;

/** Updates with a higher `mergingWeight` in total are merged in a worker thread, or not at all. */
export const maxMergeWeight = 256 * 1024;

/** Work on large updates in a worker thread. Arguments are copied, not transferred. */
export interface Offload {
  /** Does the work of `scanUpdate`. Rejects with MalformedUpdateError. */
  scan(update: Uint8Array, limits: ScanLimits): Promise<UpdateFacts>;
  /** Resolves with the structs of `update` that this state vector lacks, without the delete set. */
  diff(update: Uint8Array, stateVector: Uint8Array): Promise<Uint8Array>;
  /** Resolves with one update that has the content of all of them. */
  merge(updates: readonly Uint8Array[]): Promise<Uint8Array>;
}
