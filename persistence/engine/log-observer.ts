/** What the log tells whoever logs and counts. Every callback is optional, is called after the fact, and must not throw. */
export interface LogObserver {
  /** One group commit. */
  committed?(commit: CommitReport): void;
  /** A snapshot has replaced a tail. */
  compacted?(compaction: CompactionReport): void;
  /** The document keeps its old snapshot and its tail. It is tried again when the tail has doubled. */
  compactionFailed?(failure: { readonly docId: string; readonly tailBytes: number; readonly error: unknown }): void;
  /** These tables were not checked at an opening, because there are more than are checked at once. */
  leftUnchecked?(unchecked: { readonly tables: number; readonly bytes: number }): void;
  /** Something went wrong that nobody else is told of. */
  failed?(failure: FailureReport): void;
}

export interface CommitReport {
  readonly entries: number;
  readonly documents: number;
  /** Bytes of the updates. */
  readonly bytes: number;
  /** From handing the batch to the database until it was durable. */
  readonly durationMs: number;
}

export interface CompactionReport {
  readonly docId: string;
  readonly seq: number;
  readonly entries: number;
  readonly tailBytes: number;
  readonly snapshotBytes: number;
  /** Entries that could not be folded in, by sequence number: kept, but no longer part of the document. */
  readonly setAside: readonly number[];
  /** Whether something that waited in the last snapshot was set aside as well, because it poisons the document now that it fits. */
  readonly waitingSetAside: boolean;
  /** From reading until the new snapshot was valid. */
  readonly durationMs: number;
}

export interface FailureReport {
  /**
   * - `write`: a batch was not written; the log reopens
   * - `reopen`: the database could not be opened again, or not be written to; it is tried again
   * - `free-space`: the free space of the disk could not be read
   * - `follower`: a follower or a listener has thrown
   * - `recovery`: a database was opened although a table is damaged, or was at an earlier opening: documents are refused;
   *   or although its write-ahead log is, because the operator accepts it: edits are lost
   * - `clean-up`: obsolete records could not be deleted, or their space not be given back; they only take space
   */
  readonly during: 'write' | 'reopen' | 'recovery' | 'free-space' | 'follower' | 'clean-up';
  readonly error: unknown;
}
