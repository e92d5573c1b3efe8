import { Agent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import type { Logger } from '../logger.ts';
import { excerpt } from '../limits/peer-text.ts';
import { AccessError, UnknownKeyError } from './access-error.ts';
import type { AuthStats } from './auth-stats.ts';
import { FirstSeen } from './first-seen.ts';
import { matching } from './key-source.ts';
import type { KeyHint, KeySource } from './key-source.ts';
import { requestJson } from './request-json.ts';
import { jwksKeys, publicAlgorithms } from './verify-key.ts';
import type { VerifyKey } from './verify-key.ts';

/** How old keys may be before they are fetched again, while the old ones serve on. */
const freshMs = 10 * 60_000;
/** How long keys serve that cannot be fetched again: an outage of a provider, not one of its key that was taken back. */
const staleMs = 24 * 60 * 60_000;
/** A token with an unknown key has the keys fetched again, but no more often than this: anybody can make such tokens. */
const cooldownMs = 30_000;
/** After a failure, while there are no keys at all. */
const retryMs = 1_000;
/** Unknown keys that are remembered. Beyond that the oldest is forgotten, and its clients are told to come back longer. */
const maxUnknown = 1_000;
const timeoutMs = 5_000;
/** Providers publish a few keys of about 2 KB, with certificates. */
const maxBytes = 256 * 1024;

export interface JwksUrlDeps {
  readonly logger: Logger;
  readonly stats: AuthStats;
  /** In milliseconds since 1970. */
  now(): number;
}

/** The keys that a JWKS URL publishes: fetched when they are needed, kept while it is down. */
export class JwksUrl implements KeySource {
  readonly #url: URL;
  readonly #deps: JwksUrlDeps;
  readonly #agent: Agent | SecureAgent;
  readonly #unknown = new FirstSeen(maxUnknown);
  #keys: readonly VerifyKey[] = [];
  #fetchedMs = -Infinity;
  #triedMs = -Infinity;
  /** How many fetches have begun; the last one that succeeded has the number `#lastSuccess`. */
  #fetches = 0;
  #lastSuccess = 0;
  #fetching: Promise<void> | null = null;

  constructor(url: URL, deps: JwksUrlDeps) {
    this.#url = url;
    this.#deps = deps;
    this.#agent = url.protocol === 'https:' ? new SecureAgent() : new Agent();
  }

  async find(hint: KeyHint): Promise<readonly VerifyKey[]> {
    // Nothing here can fit, so nobody waits for it: secrets work while the URL is down.
    if (!publicAlgorithms.has(hint.algorithm)) return [];
    const fetchesBefore = this.#fetches;
    const nowMs = this.#now();
    if (nowMs - this.#fetchedMs >= staleMs) {
      if (this.#fetching !== null || nowMs - this.#triedMs >= retryMs) await this.refresh();
      if (this.#now() - this.#fetchedMs >= staleMs) {
        throw new AccessError('auth-unavailable', 'the keys cannot be fetched');
      }
    } else if (nowMs - this.#fetchedMs >= freshMs && nowMs - this.#triedMs >= cooldownMs) {
      void this.refresh();
    }
    const found = matching(this.#keys, hint);
    if (found.length > 0 || hint.id === null) return found;
    return this.#newer(hint, `id ${hint.id}`, fetchesBefore);
  }

  async findNewer(hint: KeyHint, token: string): Promise<readonly VerifyKey[]> {
    if (!publicAlgorithms.has(hint.algorithm)) return [];
    // A token that names one of the keys was not signed with a newer one.
    if (hint.id !== null && this.#keys.some(({ id }) => id === hint.id)) return [];
    return this.#newer(hint, `token ${token}`, this.#fetches);
  }

  /**
   * Fetches the keys unless they were fetched a moment ago. `unknown` names the key that was not found, or the token whose
   * key was not found; `fetchesBefore` is how many fetches had begun when it was asked for. Rejects with UnknownKeyError
   * while a provider may have published the key since the last fetch.
   */
  async #newer(hint: KeyHint, unknown: string, fetchesBefore: number): Promise<readonly VerifyKey[]> {
    const nowMs = this.#now();
    const firstSeenMs = this.#unknown.firstSeenMs(unknown, nowMs);
    const keysBefore = this.#keys;
    const mayFetch = this.#fetches === fetchesBefore && nowMs - this.#triedMs >= cooldownMs;
    if (this.#fetching !== null || mayFetch) await this.refresh();
    const found = matching(this.#keys, hint);
    const wasLookedFor = this.#lastSuccess > fetchesBefore || this.#fetchedMs - firstSeenMs >= cooldownMs;
    const isNew = this.#keys !== keysBefore && found.length > 0;
    if (isNew || wasLookedFor) return found;
    throw new UnknownKeyError('no key fits the token, and the keys cannot be fetched again yet');
  }

  /** Fetches the keys; concurrent calls share one request. Never rejects: what was there before stays. */
  refresh(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  /** The time. After the clock was set back, the times of earlier fetches lie in the future and are replaced. */
  #now(): number {
    const nowMs = this.#deps.now();
    if (this.#triedMs > nowMs) this.#triedMs = -Infinity;
    // The keys serve on, and are fetched again soon.
    if (this.#fetchedMs > nowMs) this.#fetchedMs = nowMs - freshMs;
    return nowMs;
  }

  async #fetch(): Promise<void> {
    const { logger, stats } = this.#deps;
    const number = ++this.#fetches;
    this.#triedMs = this.#now();
    try {
      const { status, body } = await requestJson({ url: this.#url, agent: this.#agent, timeoutMs, maxBytes });
      if (status !== 200) throw new Error(`status ${status}`);
      const before = this.#keys;
      this.#keys = jwksKeys(body);
      // A key that is withdrawn is not a new one: its tokens are refused at once.
      for (const { id } of before) this.#unknown.firstSeenMs(`id ${id}`, -Infinity);
      this.#fetchedMs = this.#now();
      this.#lastSuccess = number;
    } catch (error) {
      stats.unavailable++;
      const reason = excerpt((error as Error).message);
      logger.error({ reason, keys: this.#keys.length }, 'keys could not be fetched; those that are there serve on');
    }
  }
}
