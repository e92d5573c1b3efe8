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
  | 'LOG_NOT_OURS';

/** The log as a whole cannot do what was asked. */
export class LogError extends Error {
  override readonly name = 'LogError';
  readonly code: LogErrorCode;

  constructor(code: LogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
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
  | 'bad-origin'
  | 'bad-text'
  | 'bad-json'
  | 'too-deep'
  | 'too-many-clients'
  | 'too-many-structs';

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
