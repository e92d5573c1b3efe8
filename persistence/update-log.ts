/**
 * The storage interface: each document has an ordered log of updates and a snapshot. It knows nothing of rooms or of
 * Yjs.
 */

/** One edit in the log. */
export interface Entry {
  /**
   * Position in its document, counted from 1 without gaps. The count continues when a deleted document is created
   * again.
   */
  readonly seq: number;
  /** When it was appended, in milliseconds since 1970. */
  readonly timeMs: number;
  readonly userId: string;
  /**
   * A checked update in format V1. It belongs to the log once it is appended, and must not be written to after that.
   */
  readonly update: Uint8Array;
}

/** A piece of a snapshot: one valid update of format V1. */
export interface SnapshotPart {
  readonly bytes: number;
  /** The clocks that the part covers, as flat triples: client, start, end (exclusive). */
  readonly intervals: readonly number[];
}

/** The merged state of a document up to and including `seq`. */
export interface Snapshot {
  readonly seq: number;
  /**
   * In the order in which they must be sent. There is one part up to `maxSinglePartBytes` and several above it. Several
   * parts integrate only when the last one, which carries the delete set, has arrived.
   */
  readonly parts: readonly SnapshotPart[];
  /**
   * Structs that wait for missing edits, as one update; null if nothing waits. Part of the document's state, like the
   * parts.
   */
  readonly pending: Uint8Array | null;
  /** The state vector of the integrated structs, in the encoding of Yjs. It does not cover `pending`. */
  readonly stateVector: Uint8Array;
  /** All deletions of `parts`, as a delete set in the encoding of update format V1. */
  readonly deleteSet: Uint8Array;
}

/** The part of a document that is read when it is opened: head and tail, never the history. */
export interface StoredDocument {
  /** Grows by one when a deleted document is created again. */
  readonly generation: number;
  /** Clients that wrote the deleted generations. An update that names one of them comes from an old copy. */
  readonly deletedClients: ReadonlySet<number>;
  readonly createdMs: number;
  readonly snapshot: Snapshot | null;
  /** Entries after the snapshot, in order. */
  readonly tail: readonly Entry[];
}

/** Follows one document and hears of every entry that becomes durable, in order, from all writers. */
export interface LogFollower {
  /**
   * These entries are durable now. Called once per document and commit, in order of `seq`, without gaps between calls.
   */
  committed(entries: readonly Entry[]): void;
  /**
   * A snapshot has replaced everything up to its `seq`. `setAside` holds the sequence numbers of the updates that could
   * not be folded in. They are kept under these numbers but are no longer part of the document, so a follower must
   * discard the state it holds and load the document again.
   */
  compacted(snapshot: Snapshot, setAside: readonly number[]): void;
  /**
   * A write has failed. Everything appended since the last `committed` counts as not stored, and this handle is dead.
   */
  failed(error: Error): void;
}

/** A snapshot that stays readable until it is released, even if compaction replaces it. */
export interface PinnedSnapshot {
  readonly snapshot: Snapshot;
  /** The bytes of one part. Rejects with CorruptDocumentError if it is damaged. */
  read(part: number): Promise<Uint8Array>;
  /** Can be called more than once. */
  release(): void;
}

/** One open document. */
export interface DocumentLog {
  readonly docId: string;
  /** The document as it was when opened. Throws after `forgetStored`. */
  readonly stored: StoredDocument;
  /**
   * Drops `stored`, so that a long tail does not stay in memory while the document is open. Call it after reading
   * `stored`. The tail is not folded before this call, because folding would delay the clients that wait for the
   * document.
   */
  forgetStored(): void;
  /**
   * Adds an update to the next commit and returns its entry at once. The same object comes back in
   * `LogFollower.committed` when it is durable. Throws LogError LOG_READ_ONLY, LOG_REOPENING or LOG_CLOSED.
   */
  append(update: Uint8Array, userId: string): Entry;
  /** Pins the current snapshot; null if there is none. */
  pin(): PinnedSnapshot | null;
  /**
   * Resolves when nothing of this document is in flight. Only then can it be opened again. Can be called more than
   * once.
   */
  close(): Promise<void>;
}

/**
 * - `open`: everything works
 * - `read-only`: the disk reserve is reached; turns to `open` by itself when space is free again
 * - `reopening`: a write has failed; every handle is dead, and `open` rejects until the state changes
 * - `closed`: permanent
 */
export type LogState = 'open' | 'read-only' | 'reopening' | 'closed';

export interface OpenOptions {
  /**
   * The document exists only while it is open. It is durable until then, and erased after it is closed or when the log
   * is opened the next time. No tombstone records its clients, so copies of it are accepted again.
   */
  readonly transient: boolean;
}

export interface UpdateLog {
  readonly state: LogState;
  /** Called after every change of `state`. Returns a function that removes the listener. */
  onState(listener: (state: LogState) => void): () => void;
  /**
   * Reads the head and tail of a document. A document that was never written is empty, and opening writes nothing.
   * Rejects with LogError (LOG_REOPENING, LOG_CLOSED), with CorruptDocumentError, or with Error if the document is open
   * already: two writers of one document would give the same numbers to different entries.
   */
  open(docId: string, follower: LogFollower, options?: OpenOptions): Promise<DocumentLog>;
  /**
   * Deletes all records of a document that is not open, including its history. Remembers `clients`, the clients that
   * wrote it: the last 40,000 of all generations. Also deletes a document with damaged records, but rejects with
   * CorruptDocumentError if records lie in a block that LevelDB cannot read. Resolves when the deletion is on disk,
   * with false if there was nothing to delete. After a crash before that, either all of the document is there or none.
   * The space is freed later. Works while read-only. Rejects with LogError (LOG_REOPENING, LOG_CLOSED), or with Error
   * if the document is open.
   */
  delete(docId: string, clients: Iterable<number>): Promise<boolean>;
  /**
   * Resolves when no document is being folded or waits to be folded. Documents then open quickly after a restart. Never
   * rejects. May take as long as clients continue to write.
   */
  settled(): Promise<void>;
  /** Commits everything in flight, stops compaction and closes the database. Concurrent calls share one promise. */
  close(): Promise<void>;
}
