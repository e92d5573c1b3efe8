/** The counters of storage. `metrics.ts` reads them when metrics are requested. All of them only grow. */
export class StorageStats {
  /** Batches of entries. */
  commits = 0;
  entriesCommitted = 0;
  /** Bytes of the updates in them. */
  bytesCommitted = 0;
  /** The total time from passing a batch to the database to its answer. */
  commitSeconds = 0;
  compactions = 0;
  compactionsFailed = 0;
  /** Entries that would have poisoned their document. */
  entriesSetAside = 0;
  /** Failed writes, failed reopenings, and other failures that no client is told of. */
  failures = 0;
}
