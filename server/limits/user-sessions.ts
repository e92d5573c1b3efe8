import { limitReached } from './limits.ts';
import { Tally } from './tally.ts';
import type { Tallied } from './tally.ts';

/** Sessions by user. Where nobody has to say who they are, all would be one: that is no user. */
export class UserSessions {
  readonly #sessions = new Tally();
  readonly #maxSessions: number;

  constructor(maxSessions: number) {
    this.#maxSessions = maxSessions;
  }

  /** One more session; what this returns is to be given to `leave` once. Throws RefusedError if the user has too many. */
  enter(userId: string): Tallied | null {
    if (userId === '') return null;
    if (this.#sessions.countOf(userId) >= this.#maxSessions) throw limitReached('connections-per-user');
    return this.#sessions.enter(userId);
  }

  leave(session: Tallied | null): void {
    if (session !== null) this.#sessions.leave(session);
  }
}
