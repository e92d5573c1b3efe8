/** Why a log refuses to work. Stable: callers switch over it. */
export type LogErrorCode =
  /** The disk reserve is reached: reading works, appending does not, and comes back by itself. */
  | 'LOG_READ_ONLY'
  /** A write has failed; the database is being reopened. Nothing that was pending is acknowledged. */
  | 'LOG_REOPENING'
  | 'LOG_CLOSED'
  /** Another process holds the database. */
  | 'LOG_LOCKED'
  /** The folder holds a database that a newer version has written. */
  | 'LOG_TOO_NEW'
  /** The folder cannot be created, read or written. */
  | 'LOG_NOT_WRITABLE'
  /** The folder holds files, but no database of ours. Creating one there could erase something. */
  | 'LOG_NOT_OURS'
  /** The database cannot be opened at all: a file is missing or unreadable. */
  | 'LOG_DAMAGED'
  /** The disk returned an error for a read. Other reads may work. */
  | 'LOG_UNREADABLE';

/** The log as a whole cannot do what was asked. */
export class LogError extends Error {
  override readonly name = 'LogError';
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The database finds that something in its tables is not what it has written. Readers say of which document it is. */
export class DamagedStoreError extends Error {
  override readonly name = 'DamagedStoreError';
}

/** What is stored of one document cannot be trusted: a checksum or a sequence number is wrong. It is never served. */
export class CorruptDocumentError extends Error {
  override readonly name = 'CorruptDocumentError';
  readonly docId: string;

  constructor(docId: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.docId = docId;
  }
}

/** Why an update is refused. Stable: it becomes a metric label and part of a close reason. */
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

/** Bytes that are not an update of format V1, or are one that would harm whoever applies it. */
export class MalformedUpdateError extends Error {
  override readonly name = 'MalformedUpdateError';
  readonly code: MalformedUpdateCode;
  /** Where in the update reading stopped, in bytes. */
  readonly offset: number;

  constructor(code: MalformedUpdateCode, offset: number) {
    super(`Malformed update: ${code} at byte ${offset}`);
    this.code = code;
    this.offset = offset;
  }
}

/** Why a document could not be compacted. Stable: callers switch over it. Nothing may be replaced in any case. */
export type CompactionErrorCode =
  /** The last snapshot does not fold by itself: another try with more entries is no use. */
  | 'COMPACTION_SNAPSHOT_BAD'
  /** No verified result within the attempts allowed. */
  | 'COMPACTION_UNVERIFIED'
  /** The worker ran out of time or memory, crashed or was closed; `cause` is the WorkerJobError. Another try may do. */
  | 'COMPACTION_WORKER_LOST';

export class CompactionError extends Error {
  override readonly name = 'CompactionError';
  readonly code: CompactionErrorCode;

  constructor(code: CompactionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export type WorkerJobErrorCode =
  /** The job took longer than it may; its thread was ended. */
  | 'WORKER_TIMEOUT'
  /** The thread crashed or ran out of memory. */
  | 'WORKER_DIED'
  | 'WORKER_CLOSED'
  /** The job threw. The thread goes on. */
  | 'WORKER_JOB_THREW';

/** A job in a worker thread had no result. Only this job is concerned: the next one gets a fresh thread if need be. */
export class WorkerJobError extends Error {
  override readonly name = 'WorkerJobError';
  readonly code: WorkerJobErrorCode;

  constructor(code: WorkerJobErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
