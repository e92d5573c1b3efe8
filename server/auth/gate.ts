import { toRefusal } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Grant } from '../sync/grant.ts';
import { AccessError } from './access-error.ts';
import type { AuthStats } from './auth-stats.ts';
import type { Attempt, Authenticator } from './authenticator.ts';
import { LiveGrants } from './live-grants.ts';
import type { Grantee } from './live-grants.ts';
import { openToAll } from './open-to-all.ts';
import type { RefusalDelay } from './refusal-delay.ts';
import type { RevocationList } from './revocation-list.ts';

export interface GateDeps {
  readonly authenticator: Authenticator;
  readonly revocations: RevocationList | null;
  readonly delay: RefusalDelay;
  readonly logger: Logger;
  readonly stats: AuthStats;
  /** In milliseconds since 1970. */
  now(): number;
  wait(delayMs: number): Promise<void>;
  /** All live sessions. */
  grantees(): Iterable<Grantee>;
}

/** Where everybody passes who joins a document, and from where they are sent away again when their time is over. */
export class Gate {
  readonly #deps: GateDeps;
  readonly #live: LiveGrants;

  constructor(deps: GateDeps) {
    this.#deps = deps;
    this.#live = new LiveGrants(deps);
  }

  /**
   * Rejects with RefusedError, which says to the client no more than that; the log says why. A refusal that repeats is
   * held back, longer each time.
   */
  async admit(attempt: Attempt): Promise<Grant> {
    const grant = await this.#decide(attempt, this.#deps.authenticator.authenticate(attempt));
    this.#deps.stats.granted++;
    this.#live.granted(grant, attempt);
    return grant;
  }

  /** The same for administrators, who want to use the HTTP API on the document. */
  admitAdmin(attempt: Attempt): Promise<Grant> {
    return this.#decide(attempt, this.#deps.authenticator.authenticateAdmin(attempt));
  }

  async #decide(attempt: Attempt, granted: Promise<Grant>): Promise<Grant> {
    try {
      const grant = await granted;
      if (this.#deps.revocations?.has(grant)) throw new AccessError('forbidden', 'revoked');
      return grant;
    } catch (error) {
      await this.#refused(attempt, error);
      throw toRefusal(error);
    }
  }

  async #refused({ docId, origin, address, token }: Attempt, error: unknown): Promise<void> {
    const { logger, stats, delay, now, wait } = this.#deps;
    stats.refused++;
    // What is no AccessError is a fault of ours: whoever ends the session logs it with its stack.
    if (!(error instanceof AccessError)) return;
    const fields = { docId, origin, address, error: error.code, why: error.why };
    if (error.code === 'auth-unavailable') {
      logger.error({ ...fields, err: error.cause }, 'access could not be checked');
      return;
    }
    const delayMs = delay.refused(address, token, now());
    logger.info({ ...fields, delayMs }, 'access refused');
    if (delayMs > 0) await wait(delayMs);
  }

  /** Ends what has ended or was taken away; to be called once a second. */
  sweep(): void {
    if (this.#deps.authenticator !== openToAll) this.#live.sweep();
  }
}
