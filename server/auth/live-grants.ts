import { RefusedError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Grant } from '../sync/grant.ts';
import { AccessError } from './access-error.ts';
import type { AuthStats } from './auth-stats.ts';
import type { Attempt, Authenticator } from './authenticator.ts';
import type { RevocationList } from './revocation-list.ts';

/** A session as far as access is concerned. */
export interface Grantee {
  /** Null once it has ended. */
  readonly grant: Grant | null;
  /** The same person may do the same, for longer. */
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

/** When a grant is renewed, in milliseconds before its end: the time limit of the application, and some. */
const renewAheadMs = 10_000;
/** So that a grant of a few seconds is not renewed all the time. */
const renewFraction = 0.5;

/** What must be known to renew a grant. */
interface Renewal {
  readonly attempt: Attempt;
  readonly atMs: number;
}

/**
 * Ends sessions whose grant has ended (4501, come back) or was taken away (4403), once a second for all of them: no
 * session has a timer. Where the application can be asked again, grants are renewed before they end.
 */
export class LiveGrants {
  readonly #deps: LiveGrantsDeps;
  /** Gone with the grant: nobody has to tell that a session has ended. */
  readonly #renewals = new WeakMap<Grant, Renewal>();

  constructor(deps: LiveGrantsDeps) {
    this.#deps = deps;
  }

  /** Remembers how a grant came about, if that is needed to renew it. */
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
        // This is a timer, so an error that escaped would end the process. The next sweep tries again.
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
    // One try: without an answer the grant ends in time, and who comes back has the application asked again.
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
        // The same person may come back with a new token; with the old one they are refused at the door.
        grantee.end(new RefusedError('grant-ended'));
      }
    }
  }
}
