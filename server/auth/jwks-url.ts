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

/** The age at which keys are fetched again. The old keys stay in use meanwhile. */
const freshMs = 10 * 60_000;
/**
 * How long keys are used if they cannot be fetched again. Long enough for an outage; a withdrawn key must not last
 * longer.
 */
const staleMs = 24 * 60 * 60_000;
/** A token with an unknown key triggers a fetch, at most once in this time: anyone can make such tokens. */
const cooldownMs = 30_000;
/** Time between attempts while there are no usable keys at all. */
const retryMs = 1_000;
/** Remembered unknown keys. The oldest is evicted first; its clients are then told to retry for longer. */
const maxUnknown = 1_000;
const timeoutMs = 5_000;
/** Providers publish a few keys of about 2 KB each, certificates included. */
const maxBytes = 256 * 1024;

export interface JwksUrlDeps {
  readonly logger: Logger;
  readonly stats: AuthStats;
  /** In milliseconds since 1970. */
  now(): number;
}

/** The keys that a JWKS URL publishes. They are fetched when needed, and kept while the URL is down. */
export class JwksUrl implements KeySource {
  readonly #url: URL;
  readonly #deps: JwksUrlDeps;
  readonly #agent: Agent | SecureAgent;
  readonly #unknown = new FirstSeen(maxUnknown);
  #keys: readonly VerifyKey[] = [];
  #fetchedMs = -Infinity;
  #triedMs = -Infinity;
  /** The number of fetches that have begun. `#lastSuccess` is the number of the last successful one. */
  #fetches = 0;
  #lastSuccess = 0;
  #fetching: Promise<void> | null = null;

  constructor(url: URL, deps: JwksUrlDeps) {
    this.#url = url;
    this.#deps = deps;
    this.#agent = url.protocol === 'https:' ? new SecureAgent() : new Agent();
  }

  async find(hint: KeyHint): Promise<readonly VerifyKey[]> {
    // Published keys cannot fit this algorithm. Do not wait for them: secrets work while the URL is down.
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
    // A token that names a known key was not signed with a newer one.
    if (hint.id !== null && this.#keys.some(({ id }) => id === hint.id)) return [];
    return this.#newer(hint, `token ${token}`, this.#fetches);
  }

  /**
   * Fetches the keys unless a fetch began less than `cooldownMs` ago. `unknown` names the missing key, or the token
   * whose key is missing. `fetchesBefore` is the number of fetches that had begun when the key was requested. Rejects
   * with UnknownKeyError while the provider may have published the key since the last fetch.
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

  /** Fetches the keys. Concurrent calls share one request. Never rejects: after a failure the old keys stay. */
  refresh(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  /** The current time. If the clock was set back, the times of earlier fetches lie in the future and are replaced. */
  #now(): number {
    const nowMs = this.#deps.now();
    if (this.#triedMs > nowMs) this.#triedMs = -Infinity;
    // The keys stay in use, and are fetched again soon.
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
      // A withdrawn key counts as seen long ago, so its tokens are refused at once.
      for (const { id } of before) this.#unknown.firstSeenMs(`id ${id}`, -Infinity);
      this.#fetchedMs = this.#now();
      this.#lastSuccess = number;
    } catch (error) {
      stats.unavailable++;
      const reason = excerpt((error as Error).message);
      logger.error({ reason, keys: this.#keys.length }, 'keys could not be fetched; the previous keys stay in use');
    }
  }
}
