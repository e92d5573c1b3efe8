import { RefusedError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Grant } from '../sync/grant.ts';
import { AccessError } from './access-error.ts';
import type { AuthStats } from './auth-stats.ts';
import type { Attempt, Authenticator } from './authenticator.ts';
import type { RevocationList } from './revocation-list.ts';

/** A session, as access control sees it. */
export interface Grantee {
  /** Null once the session has ended. */
  readonly grant: Grant | null;
  /** Replaces the grant by one for the same user and access that ends later. */
  renew(grant: Grant): void;
  end(refusal: RefusedError): void;
}

export interface LiveGrantsDeps {
  readonly authenticator: Authenticator;
  readonly revocations: RevocationList | null;
  readonly logger: Logger;
  readonly stats: AuthStats;
  /** In milliseconds since 1970. */
  now(): number;
  /** All live sessions. */
  grantees(): Iterable<Grantee>;
}

/** How long before its end a grant is renewed: the application's time limit of 5 s, plus a margin. */
const renewAheadMs = 10_000;
/**
 * A grant is renewed after half of its time at the earliest, so that a grant of a few seconds is not renewed
 * constantly.
 */
const renewFraction = 0.5;

/** The data needed to renew a grant. */
interface Renewal {
  readonly attempt: Attempt;
  readonly atMs: number;
}

/**
 * Ends sessions whose grant has ended (4501, the client may reconnect) or was revoked (4403). One sweep a second covers
 * all sessions, so no session has a timer. If the application can be asked again, grants are renewed before they end.
 */
export class LiveGrants {
  readonly #deps: LiveGrantsDeps;
  /** An entry is garbage-collected with its grant, so the end of a session needs no clean-up here. */
  readonly #renewals = new WeakMap<Grant, Renewal>();

  constructor(deps: LiveGrantsDeps) {
    this.#deps = deps;
  }

  /** Remembers the attempt behind a grant, if the grant can be renewed. */
  granted(grant: Grant, attempt: Attempt): void {
    if (this.#deps.authenticator.recheck === null || grant.untilMs === null) return;
    const leftMs = grant.untilMs - this.#deps.now();
    const atMs = grant.untilMs - Math.min(renewAheadMs, leftMs * renewFraction);
    this.#renewals.set(grant, { attempt, atMs });
  }

  sweep(): void {
    const { now, grantees, revocations } = this.#deps;
    revocations?.reload();
    const list = revocations?.isEmpty === false ? revocations : null;
    const nowMs = now();
    for (const grantee of grantees()) {
      try {
        this.#check(grantee, list, nowMs);
      } catch (err) {
        // A timer calls this, so an uncaught error would end the process. The next sweep tries again.
        this.#deps.logger.error({ docId: grantee.grant?.docId, err }, 'grant could not be checked');
      }
    }
  }

  #check(grantee: Grantee, list: RevocationList | null, nowMs: number): void {
    const { grant } = grantee;
    if (grant === null) return;
    if (list?.has(grant)) {
      this.#deps.stats.revoked++;
      grantee.end(new AccessError('forbidden', 'revoked'));
    } else if (grant.untilMs !== null && nowMs >= grant.untilMs) {
      grantee.end(new RefusedError('grant-ended'));
    } else {
      this.#renewIfDue(grantee, grant, nowMs);
    }
  }

  #renewIfDue(grantee: Grantee, grant: Grant, nowMs: number): void {
    const renewal = this.#renewals.get(grant);
    if (renewal === undefined || nowMs < renewal.atMs) return;
    // One attempt only. Without an answer the grant ends on time, and the application is asked again when the client
    // reconnects.
    this.#renewals.delete(grant);
    void this.#renew(grantee, grant, renewal.attempt);
  }

  async #renew(grantee: Grantee, old: Grant, attempt: Attempt): Promise<void> {
    const { authenticator, stats, logger } = this.#deps;
    try {
      const grant = await authenticator.recheck?.(attempt);
      if (grant === undefined || grantee.grant !== old) return;
      if (grant.userId !== old.userId || grant.access !== old.access) {
        grantee.end(new RefusedError('grant-ended'));
        return;
      }
      stats.renewed++;
      grantee.renew(grant);
      this.granted(grant, attempt);
    } catch (err) {
      const why = err instanceof AccessError ? { why: err.why } : { err };
      logger.info({ docId: old.docId, userId: old.userId, ...why }, 'grant was not renewed');
      if (grantee.grant !== old || !(err instanceof AccessError)) return;
      if (err.code === 'forbidden') {
        stats.revoked++;
        grantee.end(err);
      } else if (err.code === 'unauthorized') {
        // The user may reconnect with a new token. The old token is refused when it is used again.
        grantee.end(new RefusedError('grant-ended'));
      }
    }
  }
}
