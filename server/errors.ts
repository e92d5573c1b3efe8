/**
 * The table of all refusals, with the HTTP status, the close code and the reason of each.
 *
 * Stock y-websocket clients (3.1) treat 4400-4499 as final and reconnect after every other code. So 44xx is for
 * refusals that a retry with the same credentials cannot change; 45xx, 1012 and 1013 mean "reconnect".
 */
import { CorruptDocumentError, LogError, MalformedUpdateError } from '../persistence/errors.ts';
import type { LogErrorCode, MalformedUpdateCode } from '../persistence/errors.ts';
import { limits } from './limits/limits.ts';
import type { LimitName } from './limits/limits.ts';

interface Meaning {
  readonly status: number;
  readonly closeCode: number;
  readonly reason: string;
}

const meanings = {
  malformed: { status: 400, closeCode: 4400, reason: 'malformed message' },
  'binary-only': { status: 400, closeCode: 4400, reason: 'binary frames only' },
  'bad-request': { status: 400, closeCode: 4400, reason: 'request cannot be read' },
  'headers-too-large': { status: 431, closeCode: 4400, reason: 'headers too large' },
  'bad-document-name': { status: 400, closeCode: 4400, reason: 'bad document name' },
  'bad-upgrade': { status: 400, closeCode: 4400, reason: 'not a WebSocket upgrade' },
  'upgrade-version': { status: 426, closeCode: 4400, reason: 'WebSocket version 13 is required' },
  unauthorized: { status: 401, closeCode: 4401, reason: 'unauthorized' },
  forbidden: { status: 403, closeCode: 4403, reason: 'forbidden' },
  'not-found': { status: 404, closeCode: 4404, reason: 'not found' },
  'document-deleted': { status: 404, closeCode: 4404, reason: 'document deleted' },
  'generation-changed': {
    status: 409,
    closeCode: 4409,
    reason: 'document was deleted and created again; discard the local copy',
  },
  'update-too-large': { status: 413, closeCode: 4413, reason: 'update too large' },
  'document-too-large': { status: 413, closeCode: 4413, reason: 'document too large' },

  'message-too-large': { status: 413, closeCode: 1009, reason: 'message too large' },
  'bad-frame': { status: 400, closeCode: 1002, reason: 'bad WebSocket frame' },
  'grant-ended': { status: 401, closeCode: 4501, reason: 'access has ended; fetch a new token' },
  'storage-unavailable': { status: 503, closeCode: 4503, reason: 'storage unavailable' },
  'storage-full': { status: 507, closeCode: 4503, reason: 'storage is full, read only' },
  'document-corrupt': { status: 500, closeCode: 4503, reason: 'stored document is damaged' },
  'auth-unavailable': { status: 503, closeCode: 4503, reason: 'access cannot be checked now, try again later' },
  'limit-reached': { status: 429, closeCode: 4529, reason: 'limit reached' },
  'too-slow': { status: 429, closeCode: 4529, reason: 'client reads too slowly' },
  'request-timeout': { status: 408, closeCode: 4529, reason: 'request not complete in time' },
  'not-live': { status: 408, closeCode: 4529, reason: 'session not established in time' },
  'shutting-down': { status: 503, closeCode: 1012, reason: 'server is restarting' },
  overloaded: { status: 503, closeCode: 1013, reason: 'server is busy, try again later' },
  internal: { status: 500, closeCode: 1011, reason: 'internal error' },
} as const satisfies Record<string, Meaning>;

/** A stable name: the `error` of a JSON response, a metric label and a log field. */
export type RefusalCode = keyof typeof meanings;

/** All codes, in the order of the table. */
export const refusalCodes = Object.keys(meanings) as readonly RefusalCode[];

export interface RefusalOptions extends ErrorOptions {
  /** The limit that was reached. */
  readonly limit?: LimitName;
  /** How long to wait before a retry, if that is known. */
  readonly retryAfterMs?: number | null;
}

/** Refuses a request of a client. The client is sent the code and the message. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError';
  readonly code: RefusalCode;
  /** The limit that was reached; null if the reason is not a limit. */
  readonly limit: LimitName | null;
  readonly #retryAfterMs: number | null;

  /** `reason` is sent to the client and must contain no secret and no content. Default: the reason in the table. */
  constructor(code: RefusalCode, reason: string = meanings[code].reason, options: RefusalOptions = {}) {
    super(reason, options);
    this.code = code;
    this.limit = options.limit ?? null;
    this.#retryAfterMs = options.retryAfterMs ?? null;
  }

  /** The value of `Retry-After`, in seconds. Null if a retry does not help. */
  get retryAfterSeconds(): number | null {
    const usual = defaultRetrySeconds[this.code];
    if (usual === undefined) return null;
    return this.#retryAfterMs === null ? usual : Math.max(1, Math.ceil(this.#retryAfterMs / 1_000));
  }
}

/**
 * The default `Retry-After` of the statuses that allow a retry, in seconds. Above 0, or many clients would retry
 * constantly.
 */
const defaultRetrySeconds: Partial<Readonly<Record<RefusalCode, number>>> = {
  'storage-unavailable': 5,
  'auth-unavailable': 5,
  'limit-reached': 5,
  overloaded: 5,
  'shutting-down': 2,
};

const logRefusals: Readonly<Record<LogErrorCode, RefusalCode>> = {
  LOG_READ_ONLY: 'storage-full',
  LOG_REOPENING: 'storage-unavailable',
  LOG_CLOSED: 'shutting-down',
  LOG_LOCKED: 'storage-unavailable',
  LOG_TOO_NEW: 'storage-unavailable',
  LOG_NOT_WRITABLE: 'storage-unavailable',
  LOG_NOT_OURS: 'storage-unavailable',
  LOG_DAMAGED: 'storage-unavailable',
  LOG_UNREADABLE: 'storage-unavailable',
};

/** The limits that the scan of an update enforces. The client is told which one it exceeded. */
const scanLimits: Partial<Readonly<Record<MalformedUpdateCode, LimitName>>> = {
  'too-many-deletions': 'deleted-ranges',
  'value-too-deep': 'value-depth',
  'type-too-deep': 'type-depth',
};

function toMalformed(error: MalformedUpdateError): RefusedError {
  const limit = scanLimits[error.code];
  if (limit === undefined) return new RefusedError('malformed', `malformed update: ${error.code}`, { cause: error });
  return limitReached(limit, { cause: error });
}

/** The refusal for a client that has reached a limit. Not for limits at which the client waits instead. */
export function limitReached(name: LimitName, options: Omit<RefusalOptions, 'limit'> = {}): RefusedError {
  const { refusal, reason } = limits[name];
  return new RefusedError(refusal?.code ?? 'limit-reached', reason, { ...options, limit: name });
}

/** Converts any error to a refusal for the client. An unknown error reveals nothing about itself. */
export function toRefusal(error: unknown): RefusedError {
  if (error instanceof RefusedError) return error;
  if (error instanceof MalformedUpdateError) return toMalformed(error);
  if (error instanceof LogError) return new RefusedError(logRefusals[error.code], undefined, { cause: error });
  if (error instanceof CorruptDocumentError) return new RefusedError('document-corrupt', undefined, { cause: error });
  return new RefusedError('internal', undefined, { cause: error });
}

/** The HTTP status of a refusal. */
export function httpStatus(code: RefusalCode): number {
  return meanings[code].status;
}

/** The close code and reason of a refusal, as `Connection.close` takes them. */
export function closeReason(code: RefusalCode, reason: string = meanings[code].reason) {
  return { code: meanings[code].closeCode, reason: fitReason(reason) };
}

/** RFC 6455, 5.5: a control frame holds 125 bytes, and the code takes two of them. */
const maxReasonBytes = 123;

/** Cuts a reason to what fits a close frame, never inside a character. */
export function fitReason(reason: string): string {
  if (Buffer.byteLength(reason) <= maxReasonBytes) return reason;
  let bytes = 0;
  let end = 0;
  for (const character of reason) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxReasonBytes) break;
    end += character.length;
  }
  return reason.slice(0, end);
}
