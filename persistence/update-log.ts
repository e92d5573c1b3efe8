/** The interface of storage: per document an ordered log of updates with a snapshot. Knows no rooms and no Yjs. */

/** One edit in the log. */
export interface Entry {
  /** Position in its document, from 1, without gaps. Goes on when a deleted document is created again. */
  readonly seq: number;
  /** When it was appended, in milliseconds since 1970. */
  readonly timeMs: number;
  readonly userId: string;
  /** A checked update, format V1. Belongs to the log from the moment it is appended: nobody writes into it. */
  readonly update: Uint8Array;
}

/** A piece of a snapshot: one valid update of format V1. */
export interface SnapshotPart {
  readonly bytes: number;
  /** The clocks it covers: flat triples client, start, end (exclusive). */
  readonly intervals: readonly number[];
}

/** The merged state of a document up to and including `seq`. */
export interface Snapshot {
  readonly seq: number;
  /**
   * In the order in which they must be sent. One part up to `maxSinglePartBytes`; above that several,
   * of which nothing integrates before the last one (which carries the delete set) has arrived.
   */
  readonly parts: readonly SnapshotPart[];
  /** What waits for edits that are missing, as one update; null if nothing waits. Belongs to the state like the parts. */
  readonly pending: Uint8Array | null;
  /** What integrates: a state vector in the encoding of Yjs. Does not name what waits. */
  readonly stateVector: Uint8Array;
  /** All deletions of `parts`: a delete set in the encoding of update format V1. */
  readonly deleteSet: Uint8Array;
}

/** What a document's opening reads: head and tail, never its history. */
export interface StoredDocument {
  /** Grows by one when a deleted document is created again. */
  readonly generation: number;
  /** Who has written the generations that were deleted: whoever names one of these clients holds an old copy. */
  readonly deletedClients: ReadonlySet<number>;
  readonly createdMs: number;
  readonly snapshot: Snapshot | null;
  /** Entries after the snapshot, in order. */
  readonly tail: readonly Entry[];
}

/** Whoever follows one document: hears everything that becomes durable, in order, whoever appended it. */
export interface LogFollower {
  /** These entries are durable now. Called once per document and commit, in order of `seq`, with no gaps between calls. */
  committed(entries: readonly Entry[]): void;
  /**
   * A snapshot has replaced everything up to its `seq`. `setAside` names the updates that could not be folded in and are
   * no longer part of the document, by the numbers under which they are kept: what the follower knows of it must then be
   * loaded anew.
   */
  compacted(snapshot: Snapshot, setAside: readonly number[]): void;
  /** A write has failed. Nothing appended since the last `committed` may be taken as stored; this handle is dead. */
  failed(error: Error): void;
}

/** A snapshot that stays readable until released, whatever compaction does meanwhile. */
export interface PinnedSnapshot {
  readonly snapshot: Snapshot;
  /** The bytes of one part. Rejects with CorruptDocumentError if it is damaged. */
  read(part: number): Promise<Uint8Array>;
  /** May be called twice. */
  release(): void;
}

/** One open document. */
export interface DocumentLog {
  readonly docId: string;
  /** As it was when opened. Throws after `forgetStored`. */
  readonly stored: StoredDocument;
  /**
   * Whoever has read `stored` lets go of it: a long tail would stay in memory for as long as the document is open. Nor is it
   * folded before: that would only keep who waits for the document waiting.
   */
  forgetStored(): void;
  /**
   * Hands an update to the next commit and returns its entry at once; the same object comes back in
   * `LogFollower.committed` when it is durable. Throws LogError LOG_READ_ONLY, LOG_REOPENING or LOG_CLOSED.
   */
  append(update: Uint8Array, userId: string): Entry;
  /** The snapshot of this moment, or null if there is none. */
  pin(): PinnedSnapshot | null;
  /** Resolves when nothing of this document is in flight any more; only then can it be opened again. Twice is fine. */
  close(): Promise<void>;
}

/**
 * - `open`: everything works
 * - `read-only`: the disk reserve is reached; turns to `open` by itself when space is free again
 * - `reopening`: a write has failed; every handle is dead, `open` rejects until the state changes
 * - `closed`: for good
 */
export type LogState = 'open' | 'read-only' | 'reopening' | 'closed';

export interface OpenOptions {
  /**
   * It lives only while it is open: durable until then, erased after it is closed or when the log is opened again.
   * Nothing reminds of it, so copies of it come back.
   */
  readonly transient: boolean;
}

export interface UpdateLog {
  readonly state: LogState;
  /** Called after every change of `state`. Returns what ends it. */
  onState(listener: (state: LogState) => void): () => void;
  /**
   * Reads head and tail of a document; one that was never written is empty. Nothing is written by opening.
   * Rejects with LogError (LOG_REOPENING, LOG_CLOSED), with CorruptDocumentError, or with Error if it is open already:
   * two writers of one document would both number its entries.
   */
  open(docId: string, follower: LogFollower, options?: OpenOptions): Promise<DocumentLog>;
  /**
   * Deletes everything of a document that is not open, its history too, and remembers `clients`, who have written it: the
   * last 40,000 of all its generations. Also one whose records are damaged, but not one that is in a block that LevelDB
   * cannot read (CorruptDocumentError). Resolves when that is on disk, with false if there
   * was nothing; a crash before that leaves all of it or nothing. Space comes back afterwards. Works while read-only.
   * Rejects with LogError (LOG_REOPENING, LOG_CLOSED), or with Error if the document is open.
   */
  delete(docId: string, clients: Iterable<number>): Promise<boolean>;
  /**
   * Resolves when no document is being folded or waits for it: whoever closes the log then opens documents quickly the next
   * time. Never rejects; may take as long as people go on writing.
   */
  settled(): Promise<void>;
  /** Commits what is in flight, ends compaction, closes the database. Concurrent calls share one promise. */
  close(): Promise<void>;
}
