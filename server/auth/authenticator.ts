import type { Grant } from '../sync/grant.ts';

/** Who the other end of the connection is, by a certificate of its own. */
export interface ClientIdentity {
  /** Null if the certificate names nobody. */
  readonly userId: string | null;
  readonly name: string | null;
  /** In milliseconds since 1970. */
  readonly untilMs: number;
  /** Why it is not to be believed; null if it is. */
  readonly problem: string | null;
}

/** Somebody who wants to join a document, and what they show for it. */
export interface Attempt {
  readonly docId: string;
  /** Never to be logged. */
  readonly token: string | null;
  /** The page that the client runs in; null if it is no browser. */
  readonly origin: string | null;
  /** Where it comes from: the other end of the socket, or what a trusted proxy says. */
  readonly address: string;
  /** Whether the client has left meanwhile, so that the answer is of no use. Left out, it stays. */
  readonly isGone?: () => boolean;
  /** Left out, or null, if no certificate was shown. */
  readonly identity?: ClientIdentity | null;
}

/** Holds an attempt back. Rejects with RefusedError if the attempt is not to go on. */
export type BeforeAsking = () => Promise<void>;

/** Decides who somebody is and what they may do. */
export interface Authenticator {
  /** Rejects with RefusedError. `beforeAsking` is awaited before another server is asked, if one has to be. */
  authenticate(attempt: Attempt, beforeAsking?: BeforeAsking): Promise<Grant>;
  /** As `authenticate`, for a client that wants to use the HTTP API on the document. Rejects for all but administrators. */
  authenticateAdmin(attempt: Attempt, beforeAsking?: BeforeAsking): Promise<Grant>;
  /**
   * Decides anew, whatever was decided before; null where the answer could not differ. Grants of an authenticator that
   * has it are renewed before they end.
   */
  readonly recheck: ((attempt: Attempt) => Promise<Grant>) | null;
  /** Attempts that wait until another server can be asked about them. */
  readonly waitingChecks: number;
}
