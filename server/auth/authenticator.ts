import type { Grant } from '../sync/grant.ts';
import { AccessError } from './access-error.ts';

/** The identity that a client certificate states. */
export interface ClientIdentity {
  /** Null if the certificate names no user. */
  readonly userId: string | null;
  readonly name: string | null;
  /** When the certificate expires, in milliseconds since 1970. */
  readonly untilMs: number;
  /** Why the certificate is not trusted; null if it is. */
  readonly problem: string | null;
}

/** A request to join a document, with the credentials that the client presents. */
export interface Attempt {
  readonly docId: string;
  /** Must never be logged. */
  readonly token: string | null;
  /** The origin of the page that the client runs in; null if the client is not a browser. */
  readonly origin: string | null;
  /** The client's address: the peer of the socket, or the address that a trusted proxy reports. */
  readonly address: string;
  /** Whether the client has disconnected, so that the answer is no longer needed. Default: it stays. */
  readonly isGone?: () => boolean;
  /** Omitted or null if the client presented no certificate. */
  readonly identity?: ClientIdentity | null;
}

/** Delays an attempt. Rejects with RefusedError if the attempt must not continue. */
export type BeforeAsking = () => Promise<void>;

/** Decides which user a client is and what the user may do. */
export interface Authenticator {
  /** Rejects with RefusedError. Awaits `beforeAsking` before it asks another server; skips it if no server is asked. */
  authenticate(attempt: Attempt, beforeAsking?: BeforeAsking): Promise<Grant>;
  /** Like `authenticate`, for a use of the HTTP API on the document. Rejects unless the user is an administrator. */
  authenticateAdmin(attempt: Attempt, beforeAsking?: BeforeAsking): Promise<Grant>;
  /**
   * Decides again, without any cached answer. Null if the answer could not differ. If it is not null, grants are
   * renewed before they end.
   */
  readonly recheck: ((attempt: Attempt) => Promise<Grant>) | null;
  /** Attempts that wait for a place among the requests to another server. */
  readonly waitingChecks: number;
}

/**
 * No authentication: every client may write, and its identity is not checked. There are no administrators, because
 * their actions cannot be undone and behind a proxy every client seems to come from this machine.
 */
export const openToAll: Authenticator = {
  authenticate: ({ docId }) => Promise.resolve(everything(docId)),
  authenticateAdmin: () =>
    Promise.reject(new AccessError('forbidden', 'without authentication there are no administrators')),
  recheck: null,
  waitingChecks: 0,
};

function everything(docId: string): Grant {
  return { userId: '', person: null, docId, access: 'write', untilMs: null, tokenId: null };
}
