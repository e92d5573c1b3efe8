import { limitReached } from '../../errors.ts';
import { Tally } from '../../limits/tally.ts';
import type { Tallied } from '../../limits/tally.ts';

/**
 * Counts the sessions of each user. Sessions without a user id are not counted: without authentication all would be one
 * user.
 */
export class UserSessions {
  readonly #sessions = new Tally();
  readonly #maxSessions: number;

  constructor(maxSessions: number) {
    this.#maxSessions = maxSessions;
  }

  /** Adds a session. Pass the result to `leave` once. Throws RefusedError if the user has too many sessions. */
  enter(userId: string): Tallied | null {
    if (userId === '') return null;
    if (this.#sessions.countOf(userId) >= this.#maxSessions) throw limitReached('connections-per-user');
    return this.#sessions.enter(userId);
  }

  leave(session: Tallied | null): void {
    if (session !== null) this.#sessions.leave(session);
  }
}
