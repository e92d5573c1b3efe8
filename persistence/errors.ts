/** Why the log refuses an operation. Stable: callers switch over it. */
export type LogErrorCode =
  /**
   * The disk reserve is reached. Reading works, appending does not. The log recovers by itself when space is free
   * again.
   */
  | 'LOG_READ_ONLY'
  /** A write has failed and the database is being reopened. Pending entries are not acknowledged. */
  | 'LOG_REOPENING'
  | 'LOG_CLOSED'
  /** Another process holds the database. */
  | 'LOG_LOCKED'
  /** The folder holds a database written by a newer version. */
  | 'LOG_TOO_NEW'
  /** The folder cannot be created, read or written. */
  | 'LOG_NOT_WRITABLE'
  /** The folder holds files, but not a Quire database. Creating one there could overwrite something. */
  | 'LOG_NOT_OURS'
  /** The database cannot be opened: a file is missing or unreadable. */
  | 'LOG_DAMAGED'
  /** The disk returned an error for a read. Other reads may work. */
  | 'LOG_UNREADABLE';

/** The log as a whole cannot perform an operation. */
export class LogError extends Error {
  override readonly name = 'LogError';
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The database has found damage in its tables. Readers add which document it concerns. */
export class DamagedStoreError extends Error {
  override readonly name = 'DamagedStoreError';
}

/**
 * The stored records of one document cannot be trusted: a checksum or a sequence number is wrong. They are never
 * served.
 */
export class CorruptDocumentError extends Error {
  override readonly name = 'CorruptDocumentError';
  readonly docId: string;

  constructor(docId: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.docId = docId;
  }
}

/** Why an update is refused. Stable: used as a metric label and in close reasons. */
export type MalformedUpdateCode =
  | 'truncated'
  | 'trailing-bytes'
  | 'number-too-large'
  | 'bad-struct'
  | 'empty-struct'
  | 'repeated-client'
  /** Clients do not descend, or deleted ranges do not ascend. */
  | 'unsorted'
  | 'bad-origin'
  | 'bad-text'
  | 'bad-json'
  | 'value-too-deep'
  | 'type-too-deep'
  | 'too-many-clients'
  | 'too-many-structs'
  | 'too-many-deletions';

/** The bytes are not an update in format V1, or they are one that would harm a client that applies it. */
export class MalformedUpdateError extends Error {
  override readonly name = 'MalformedUpdateError';
  readonly code: MalformedUpdateCode;
  /** Byte offset in the update at which reading stopped. */
  readonly offset: number;

  constructor(code: MalformedUpdateCode, offset: number) {
    super(`Malformed update: ${code} at byte ${offset}`);
    this.code = code;
    this.offset = offset;
  }
}

/**
 * Why a document could not be compacted. Stable: callers switch over it. The stored snapshot and tail stay as they are.
 */
export type CompactionErrorCode =
  /** The last snapshot cannot be folded even by itself, so a retry with more entries would fail too. */
  | 'COMPACTION_SNAPSHOT_BAD'
  /** The allowed number of attempts gave no verified result. */
  | 'COMPACTION_UNVERIFIED'
  /**
   * The worker ran out of time or memory, crashed or was closed; `cause` is the WorkerJobError. A retry may succeed.
   */
  | 'COMPACTION_WORKER_LOST';

export class CompactionError extends Error {
  override readonly name = 'CompactionError';
  readonly code: CompactionErrorCode;

  constructor(code: CompactionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

type WorkerJobErrorCode =
  /** The job exceeded its time limit and its thread was terminated. */
  | 'WORKER_TIMEOUT'
  /** The thread crashed or ran out of memory. */
  | 'WORKER_DIED'
  | 'WORKER_CLOSED'
  /** The job threw an error. The thread continues. */
  | 'WORKER_JOB_THREW';

/** A job in a worker thread gave no result. Later jobs are not affected: they get a new thread if necessary. */
export class WorkerJobError extends Error {
  override readonly name = 'WorkerJobError';
  readonly code: WorkerJobErrorCode;

  constructor(code: WorkerJobErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
