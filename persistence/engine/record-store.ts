/**
 * The database interface that the log needs: sorted byte keys, atomic batches, scans. It knows nothing of documents.
 */

/** The keys from `gte` (inclusive) to `lt` (exclusive), in byte order. */
export interface KeyRange {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** Changes that are applied atomically. */
export interface RecordBatch {
  /** Copies both before it returns, so the caller may reuse the arrays. */
  put(key: Uint8Array, value: Uint8Array): void;
  del(key: Uint8Array): void;
  /**
   * Resolves when the changes are applied and visible to reads; with `sync`, when they are on disk. After a rejection
   * the changes may or may not be stored and later writes cannot be relied on: the store must be reopened.
   */
  write(options: { readonly sync: boolean }): Promise<void>;
}

/**
 * A store of records. The caller owns the bytes that reads return. Reads and scans reject with DamagedStoreError if the
 * store finds that its data is damaged, and with LogError LOG_UNREADABLE if the disk returns an error.
 */
export interface RecordStore {
  batch(): RecordBatch;
  /** Values in the order of `keys`; undefined for a key that does not exist. */
  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]>;
  /** Values in the order of their keys, in chunks small enough to be handled in one turn of the event loop. */
  scanValues(range: KeyRange): AsyncIterable<readonly Uint8Array[]>;
  /** Values from the last key to the first. In LevelDB a step backwards costs several times a step forwards. */
  scanValuesBackwards(range: KeyRange): AsyncIterable<readonly Uint8Array[]>;
  /** Keys in order, in chunks of the same kind. */
  scanKeys(range: KeyRange): AsyncIterable<readonly Uint8Array[]>;
  /** Returns the space of deleted records in the range to the disk. May take seconds, but blocks no other operation. */
  reclaim(range: KeyRange): Promise<void>;
  /** Ends scans. Resolves when nothing is in flight any more. Can be called more than once. */
  close(): Promise<void>;
}
