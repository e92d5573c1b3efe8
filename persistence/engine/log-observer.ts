/**
 * Receives the events of the log, for logging and metrics. Every callback is optional, runs after the event and must
 * not throw.
 */
export interface LogObserver {
  /** A group commit is durable. */
  committed?(commit: CommitReport): void;
  /** A snapshot has replaced a tail. */
  compacted?(compaction: CompactionReport): void;
  /**
   * A compaction has failed. The document keeps its snapshot and tail, and the next attempt comes when the tail has
   * doubled.
   */
  compactionFailed?(failure: { readonly docId: string; readonly tailBytes: number; readonly error: unknown }): void;
  /** These tables were not checked when the database was opened, because they exceed the limit for one check. */
  leftUnchecked?(unchecked: { readonly tables: number; readonly bytes: number }): void;
  /** An error has occurred that is reported nowhere else. */
  failed?(failure: FailureReport): void;
}

interface CommitReport {
  readonly entries: number;
  readonly documents: number;
  /** Total bytes of the updates. */
  readonly bytes: number;
  /** From passing the batch to the database until it was durable. */
  readonly durationMs: number;
}

export interface CompactionReport {
  readonly docId: string;
  readonly seq: number;
  readonly entries: number;
  readonly tailBytes: number;
  readonly snapshotBytes: number;
  /** Sequence numbers of entries that could not be folded in. They are kept, but are no longer part of the document. */
  readonly setAside: readonly number[];
  /**
   * Whether a pending update of the last snapshot was also set aside, because it poisons the document now that it can
   * integrate.
   */
  readonly waitingSetAside: boolean;
  /** From the first read until the new snapshot was valid. */
  readonly durationMs: number;
}

export interface FailureReport {
  /**
   * - `write`: a batch failed to be written; the log reopens
   * - `reopen`: the database could not be reopened or written to; the log retries
   * - `free-space`: the free space of the disk could not be read
   * - `follower`: a follower or a listener threw an error
   * - `recovery`: the database was opened although a table is damaged, or was at an earlier opening, and documents are
   *   refused; or although its write-ahead log is damaged, because the operator accepts this, and edits are lost
   * - `clean-up`: obsolete records could not be deleted or their space not be given back; they only take up space
   */
  readonly during: 'write' | 'reopen' | 'recovery' | 'free-space' | 'follower' | 'clean-up';
  readonly error: unknown;
}
