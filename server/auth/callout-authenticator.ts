import { createHash } from 'node:crypto';
import { Agent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import type { Grant } from '../sync/grant.ts';
import { limitReached, RefusedError } from '../errors.ts';
import type { After } from '../limits/after.ts';
import { evictOldest } from '../limits/evict-oldest.ts';
import { FairPlaces, NoPlaceError } from '../limits/fair-places.ts';
import { addressKeyOf } from '../limits/ip-address.ts';
import { fixedLimits } from '../limits/limits.ts';
import { AccessError } from './access-error.ts';
import type { AuthStats } from './auth-stats.ts';
import type { Attempt, Authenticator, BeforeAsking } from './authenticator.ts';
import { readAccess, readOptionalText, readSeconds, readText } from './claims.ts';
import { requestJson } from './request-json.ts';
import type { JsonAnswer } from './request-json.ts';

/** The time limit of one request. A user who opens a document waits this long at most. */
const timeoutMs = 5_000;
const maxBytes = 16 * 1024;
/** Concurrent requests. After a restart of this server all clients reconnect together. */
const maxRequests = 64;
/**
 * Longest wait for a request place. Together with `timeoutMs` it stays below the time in which a session must become
 * live.
 */
const maxWaitMs = 3_000;
/** Cached answers, about 500 bytes each. The oldest is evicted first. */
const maxCached = 10_000;
/** In seconds this is the year 5138; in milliseconds, a moment in 1973. */
const maxUntilSeconds = 100_000_000_000;

export interface CalloutOptions {
  readonly url: URL;
  readonly stats: AuthStats;
  /** Timer for the wait for a place and for the answer. Default: the system's timers. */
  readonly after?: After;
  /** In milliseconds since 1970. */
  now(): number;
}

/** A request that is in flight or waits for a place. */
interface Asking {
  /** All attempts that wait for the answer. */
  readonly attempts: Attempt[];
  readonly granted: Promise<Grant>;
}

/**
 * Asks the application with one POST per join. The answer is valid until the time that it states. Client addresses
 * share the concurrent requests fairly, so that one address with many bad tokens does not keep the others waiting.
 */
export class CalloutAuthenticator implements Authenticator {
  readonly #options: CalloutOptions;
  readonly #agent: Agent | SecureAgent;
  readonly #cache = new Map<string, Grant>();
  readonly #asking = new Map<string, Asking>();
  readonly #places: FairPlaces;

  constructor(options: CalloutOptions) {
    this.#options = options;
    this.#places = new FairPlaces(
      {
        places: maxRequests,
        maxWaiting: fixedLimits['access-checks'].max,
        maxWaitingPerKey: fixedLimits['access-checks-per-address'].max,
        maxWaitMs,
      },
      options.after,
    );
    const agent = { keepAlive: true, maxSockets: maxRequests };
    this.#agent = options.url.protocol === 'https:' ? new SecureAgent(agent) : new Agent(agent);
  }

  get waitingChecks(): number {
    return this.#places.waitingCount;
  }

  async authenticate(attempt: Attempt, beforeAsking?: BeforeAsking): Promise<Grant> {
    const cached = this.#cache.get(keyOf(attempt));
    if (cached !== undefined && (cached.untilMs ?? 0) > this.#options.now()) return { ...cached };
    await beforeAsking?.();
    return this.#askOnce(attempt, `join ${addressKeyOf(attempt.address)}`);
  }

  /** Never uses a cached answer. */
  async authenticateAdmin(attempt: Attempt, beforeAsking?: BeforeAsking): Promise<Grant> {
    await beforeAsking?.();
    const answer = await this.#request(attempt, `admin ${addressKeyOf(attempt.address)}`, { admin: true });
    const { admin } = (answer ?? {}) as { readonly admin?: unknown };
    if (admin !== true) throw new AccessError('forbidden', "the application's answer has no 'admin': true");
    return this.#read(answer, attempt.docId);
  }

  /** Renewals have places of their own: a live session does not wait behind the joins from its address. */
  readonly recheck = (attempt: Attempt): Promise<Grant> =>
    this.#askOnce(attempt, `renewal ${addressKeyOf(attempt.address)}`);

  /** Concurrent calls for the same attempt share one request. Each caller gets its own copy of the grant. */
  async #askOnce(attempt: Attempt, placeKey: string): Promise<Grant> {
    const key = keyOf(attempt);
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      const attempts: Attempt[] = [];
      const isGone = (): boolean => attempts.every((one) => one.isGone?.() === true);
      const granted = this.#ask({ ...attempt, isGone }, key, placeKey).finally(() => this.#asking.delete(key));
      asking = { attempts, granted };
      this.#asking.set(key, asking);
    }
    asking.attempts.push(attempt);
    return { ...(await asking.granted) };
  }

  async #ask(attempt: Attempt, key: string, placeKey: string): Promise<Grant> {
    this.#cache.delete(key);
    const grant = this.#read(await this.#request(attempt, placeKey), attempt.docId);
    this.#cache.set(key, grant);
    evictOldest(this.#cache, maxCached);
    return grant;
  }

  /** Resolves with the body of a 200 answer. Requests with the same `placeKey` share their places. */
  async #request(attempt: Attempt, placeKey: string, more: { readonly admin?: true } = {}): Promise<unknown> {
    const { docId, token, origin, address, identity } = attempt;
    const { url, after } = this.#options;
    const user = identity?.userId ?? undefined;
    const body = { document: docId, token, origin, address, user, ...more };
    let answer: JsonAnswer;
    try {
      answer = await this.#places.use(
        placeKey,
        () => attempt.isGone?.() === true,
        () => requestJson({ url, body, agent: this.#agent, timeoutMs, maxBytes, after }),
      );
    } catch (cause) {
      if (cause instanceof NoPlaceError) throw this.#noPlace(cause);
      throw this.#unavailable(`no answer: ${(cause as Error).message}`, cause);
    }
    if (answer.status === 401) throw new AccessError('unauthorized', 'the application answered 401');
    if (answer.status === 403) throw new AccessError('forbidden', 'the application answered 403');
    if (answer.status !== 200) throw this.#unavailable(`the application answered with status ${answer.status}`);
    return answer.body;
  }

  #read(body: unknown, docId: string): Grant {
    const { userId, name, color, access, until } = (body ?? {}) as Readonly<Record<string, unknown>>;
    try {
      const untilSeconds = readSeconds(until, 'until');
      if (untilSeconds > maxUntilSeconds) throw this.#unavailable("'until' is in milliseconds, but must be in seconds");
      if (untilSeconds * 1_000 <= this.#options.now()) {
        throw this.#unavailable("the application's 'until' has already passed");
      }
      return {
        userId: readText(userId, 'userId'),
        person: { name: readOptionalText(name, 'name'), color: readOptionalText(color, 'color') },
        docId,
        access: readAccess(access),
        untilMs: untilSeconds * 1_000,
        tokenId: null,
      };
    } catch (error) {
      if (!(error instanceof AccessError) || error.code === 'auth-unavailable') throw error;
      throw this.#unavailable(`the application's answer cannot be used: ${error.why}`);
    }
  }

  #noPlace(cause: NoPlaceError): RefusedError {
    switch (cause.reason) {
      case 'too-many-of-key':
        return limitReached('access-checks-per-address');
      case 'too-many':
        return limitReached('access-checks');
      case 'too-late':
        return this.#unavailable(`the application could not be asked within ${maxWaitMs} ms`, cause);
      case 'gone':
        break;
    }
    return new RefusedError('not-live', 'the client has left');
  }

  #unavailable(why: string, cause?: unknown): AccessError {
    this.#options.stats.unavailable++;
    return new AccessError('auth-unavailable', why, { cause });
  }
}

/**
 * A hash of everything that the application is told. A cached answer serves only identical attempts; no token is kept.
 */
function keyOf({ docId, token, origin, address, identity }: Attempt): string {
  return createHash('sha256')
    .update(JSON.stringify([docId, token, origin, address, identity?.userId]))
    .digest('base64');
}
