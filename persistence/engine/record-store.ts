/** What the log needs of a database: sorted byte keys, atomic batches, scans. Knows no documents. */

/** From `gte` up to but without `lt`, in the order of the bytes. */
export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** Changes that are applied together or not at all. */
export interface RecordBatch {
  /** Copies both before it returns: the caller may write into them again. */
  put(key: Uint8Array, value: Uint8Array): void;
  del(key: Uint8Array): void;
  /**
   * Resolves when the changes are applied and visible to reads; with `sync` when they are on disk. After a rejection
   * they may or may not be there, and nothing that is written afterwards can be relied on: open the store anew.
   */
  write(options: { readonly sync: boolean }): Promise<void>;
}

/**
 * The bytes that reads return belong to the caller. Reads and scans reject with DamagedStoreError if the store finds that
 * it cannot trust what lies there, and with LogError LOG_UNREADABLE if the disk returns an error.
 */
export interface RecordStore {
  batch(): RecordBatch;
  /** The values in the order of the keys; undefined where there is none. */
  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** Values from the last key to the first, in chunks that are small enough to be handled in one turn of the event loop. */
  scanValuesBackwards(range: KeyRange): AsyncIterable<readonly Uint8Array[]>;
  /** Keys in order, in such chunks. */
  scanKeys(range: KeyRange): AsyncIterable<readonly Uint8Array[]>;
  /** Gives the space of deleted records in the range back to the disk. May take seconds; nothing waits meanwhile. */
  reclaim(range: KeyRange): Promise<void>;
  /** Ends scans; resolves when nothing is in flight any more. Twice is fine. */
  close(): Promise<void>;
}
