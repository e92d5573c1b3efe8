/** What storage counts. Plain numbers; `metrics.ts` reads them when somebody asks. Everything only grows. */
export class StorageStats {
  /** Batches of entries. */
  commits = 0;
  entriesCommitted = 0;
  /** Bytes of the updates in them. */
  bytesCommitted = 0;
  /** From handing a batch to the database to its answer, summed up. */
  commitSeconds = 0;
  compactions = 0;
  compactionsFailed = 0;
  /** Entries that would have poisoned their document. */
  entriesSetAside = 0;
  /** Failed writes, failed reopenings, and whatever else nobody is told of. */
  failures = 0;
}
