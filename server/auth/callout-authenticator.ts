import { createHash } from 'node:crypto';
import { Agent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import type { Grant } from '../sync/grant.ts';
import { AccessError } from './access-error.ts';
import type { AuthStats } from './auth-stats.ts';
import type { Attempt, Authenticator } from './authenticator.ts';
import { readAccess, readOptionalText, readSeconds, readText } from './claims.ts';
import { requestJson } from './request-json.ts';
import type { JsonAnswer } from './request-json.ts';

/** A person who opens a document waits for this. */
const timeoutMs = 5_000;
const maxBytes = 16 * 1024;
/** Requests at once; more wait within the time limit. After a restart of ours everybody comes back together. */
const maxRequests = 64;
/** Answers that are kept, about 500 bytes each; the oldest go first. */
const maxCached = 10_000;
/** In seconds this is the year 5138; in milliseconds, a moment in 1973. */
const maxUntilSeconds = 100_000_000_000;

export interface CalloutOptions {
  readonly url: URL;
  readonly stats: AuthStats;
  /** In milliseconds since 1970. */
  now(): number;
}

/** Asks the application: one POST per join, whose answer holds until the moment that it names. */
export class CalloutAuthenticator implements Authenticator {
  readonly #options: CalloutOptions;
  readonly #agent: Agent | SecureAgent;
  readonly #cache = new Map<string, Grant>();
  readonly #asking = new Map<string, Promise<Grant>>();

  constructor(options: CalloutOptions) {
    this.#options = options;
    const agent = { keepAlive: true, maxSockets: maxRequests };
    this.#agent = options.url.protocol === 'https:' ? new SecureAgent(agent) : new Agent(agent);
  }

  async authenticate(attempt: Attempt): Promise<Grant> {
    const cached = this.#cache.get(keyOf(attempt));
    if (cached !== undefined && (cached.untilMs ?? 0) > this.#options.now()) return { ...cached };
    return this.recheck(attempt);
  }

  /** Never from an answer that was kept. */
  async authenticateAdmin(attempt: Attempt): Promise<Grant> {
    const answer = await this.#request(attempt, { admin: true });
    const { admin } = (answer ?? {}) as { readonly admin?: unknown };
    if (admin !== true) throw new AccessError('forbidden', "the application's answer has no 'admin': true");
    return this.#read(answer, attempt.docId);
  }

  /** Concurrent calls for the same attempt share one request. Every session has a grant of its own. */
  readonly recheck = async (attempt: Attempt): Promise<Grant> => {
    const key = keyOf(attempt);
    let asking = this.#asking.get(key);
    if (asking === undefined) {
      asking = this.#ask(attempt, key).finally(() => this.#asking.delete(key));
      this.#asking.set(key, asking);
    }
    return { ...(await asking) };
  };

  async #ask(attempt: Attempt, key: string): Promise<Grant> {
    this.#cache.delete(key);
    const grant = this.#read(await this.#request(attempt), attempt.docId);
    this.#keep(key, grant);
    return grant;
  }

  /** The body of the answer of somebody who is let in. */
  async #request(attempt: Attempt, more: { readonly admin?: true } = {}): Promise<unknown> {
    const { docId, token, origin, address, identity } = attempt;
    const { url } = this.#options;
    const user = identity?.userId ?? undefined;
    const body = { document: docId, token, origin, address, user, ...more };
    let answer: JsonAnswer;
    try {
      answer = await requestJson({ url, body, agent: this.#agent, timeoutMs, maxBytes });
    } catch (cause) {
      throw this.#unavailable(`no answer: ${(cause as Error).message}`, cause);
    }
    if (answer.status === 401) throw new AccessError('unauthorized', 'the application says 401');
    if (answer.status === 403) throw new AccessError('forbidden', 'the application says 403');
    if (answer.status !== 200) throw this.#unavailable(`the application answers with status ${answer.status}`);
    return answer.body;
  }

  #read(body: unknown, docId: string): Grant {
    const { userId, name, color, access, until } = (body ?? {}) as Readonly<Record<string, unknown>>;
    try {
      const untilSeconds = readSeconds(until, 'until');
      if (untilSeconds > maxUntilSeconds) throw this.#unavailable("'until' is in milliseconds; seconds are expected");
      if (untilSeconds * 1_000 <= this.#options.now()) {
        throw this.#unavailable("the application's 'until' has passed already");
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

  #keep(key: string, grant: Grant): void {
    this.#cache.set(key, grant);
    if (this.#cache.size <= maxCached) return;
    const oldest = this.#cache.keys().next();
    if (oldest.done !== true) this.#cache.delete(oldest.value);
  }

  #unavailable(why: string, cause?: unknown): AccessError {
    this.#options.stats.unavailable++;
    return new AccessError('auth-unavailable', why, { cause });
  }
}

/** Everything that the application is told, so that an answer serves only who would get the same. Holds no token. */
function keyOf({ docId, token, origin, address, identity }: Attempt): string {
  return createHash('sha256')
    .update(JSON.stringify([docId, token, origin, address, identity?.userId]))
    .digest('base64');
}
