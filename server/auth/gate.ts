import { RefusedError, toRefusal } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Grant } from '../sync/grant.ts';
import { excerpt } from '../limits/peer-text.ts';
import { AccessError, UnknownKeyError } from './access-error.ts';
import type { AuthStats } from './auth-stats.ts';
import { openToAll } from './authenticator.ts';
import type { Attempt, Authenticator, BeforeAsking } from './authenticator.ts';
import { LiveGrants } from './live-grants.ts';
import type { Grantee } from './live-grants.ts';
import type { RefusalDelay } from './refusal-delay.ts';
import type { RevocationList } from './revocation-list.ts';

/** Together with the waits for a place and for the answer it stays below the time to become live (10 s by default). */
const maxHeldBeforeAskingMs = 2_000;

export interface GateDeps {
  readonly authenticator: Authenticator;
  readonly revocations: RevocationList | null;
  readonly delay: RefusalDelay;
  readonly logger: Logger;
  readonly stats: AuthStats;
  /** In milliseconds since 1970. */
  now(): number;
  /** Delays a refusal to this address, or an attempt that may be refused. May resolve earlier if too many are held. */
  wait(delayMs: number, address: string): Promise<void>;
  /** All live sessions. */
  grantees(): Iterable<Grantee>;
}

/** Admits clients to documents, and ends their sessions when the grant ends or is revoked. */
export class Gate {
  readonly #deps: GateDeps;
  readonly #live: LiveGrants;

  constructor(deps: GateDeps) {
    this.#deps = deps;
    this.#live = new LiveGrants(deps);
  }

  /**
   * Rejects with RefusedError, which holds only the general reason for the client; the log has the details. Each
   * repeated refusal is delayed longer than the one before.
   */
  async admit(attempt: Attempt): Promise<Grant> {
    const { authenticator, delay, stats } = this.#deps;
    const grant = await this.#decide(attempt, (hold) => authenticator.authenticate(attempt, hold));
    delay.granted(attempt.address, attempt.token);
    stats.granted++;
    this.#live.granted(grant, attempt);
    return grant;
  }

  /** Like `admit`, for an administrator who uses the HTTP API on the document. */
  admitAdmin(attempt: Attempt): Promise<Grant> {
    return this.#decide(attempt, (hold) => this.#deps.authenticator.authenticateAdmin(attempt, hold));
  }

  async #decide(attempt: Attempt, authenticate: (hold: BeforeAsking) => Promise<Grant>): Promise<Grant> {
    let heldMs = 0;
    const hold = async (): Promise<void> => {
      heldMs = await this.#holdBack(attempt);
    };
    try {
      const grant = await authenticate(hold);
      if (this.#deps.revocations?.has(grant)) throw new AccessError('forbidden', 'revoked');
      return grant;
    } catch (error) {
      await this.#refused(attempt, error, heldMs);
      throw toRefusal(error);
    }
  }

  /**
   * Delays an attempt before the application is asked, if its address or token was refused lately. Its repetitions then
   * do not reach the application at once. Resolves with the time waited, in milliseconds.
   */
  async #holdBack({ address, token, isGone }: Attempt): Promise<number> {
    const { delay, now, wait } = this.#deps;
    const heldMs = Math.min(delay.owedMs(address, token, now()), maxHeldBeforeAskingMs);
    if (heldMs > 0) await wait(heldMs, address);
    if (isGone?.() === true) throw new RefusedError('not-live', 'the client has left');
    return heldMs;
  }

  async #refused({ docId, origin, address, token }: Attempt, error: unknown, heldMs: number): Promise<void> {
    const { logger, stats, delay, now, wait } = this.#deps;
    stats.refused++;
    // Any other error is a bug or a limit. The code that ends the session logs it.
    if (!(error instanceof AccessError)) return;
    const fields = {
      docId,
      origin: origin === null ? null : excerpt(origin),
      address,
      error: error.code,
      why: error.why,
    };
    if (error.code === 'auth-unavailable' && !(error instanceof UnknownKeyError)) {
      // `why` is enough. The cause may hold text that another server has sent.
      logger.error(fields, 'access could not be checked');
      return;
    }
    const delayMs = Math.max(0, delay.refused(address, token, now()) - heldMs);
    logger.info({ ...fields, delayMs }, 'access refused');
    if (delayMs > 0) await wait(delayMs, address);
  }

  /** Ends sessions whose grant has ended or was revoked. Call it once a second. */
  sweep(): void {
    if (this.#deps.authenticator !== openToAll) this.#live.sweep();
  }
}
