import { Agent } from 'node:http';
import { Agent as SecureAgent } from 'node:https';
import type { Logger } from '../logger.ts';
import { AccessError } from './access-error.ts';
import type { AuthStats } from './auth-stats.ts';
import { matching } from './key-source.ts';
import type { KeyHint, KeySource } from './key-source.ts';
import { requestJson } from './request-json.ts';
import { jwksKeys, publicAlgorithms } from './verify-key.ts';
import type { VerifyKey } from './verify-key.ts';

/** How old keys may be before they are fetched again, while the old ones serve on. */
const freshMs = 10 * 60_000;
/** How long keys serve that cannot be fetched again: an outage of a provider, not one of its key that was taken back. */
const staleMs = 24 * 60 * 60_000;
/** A token with an unknown key id has the keys fetched anew, but no more often than this: anybody can make such tokens. */
const cooldownMs = 30_000;
/** After a failure, while there are no keys at all. */
const retryMs = 1_000;
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
  #keys: readonly VerifyKey[] = [];
  #fetchedMs = -Infinity;
  #triedMs = -Infinity;
  #fetching: Promise<void> | null = null;

  constructor(url: URL, deps: JwksUrlDeps) {
    this.#url = url;
    this.#deps = deps;
    this.#agent = url.protocol === 'https:' ? new SecureAgent() : new Agent();
  }

  async find(hint: KeyHint): Promise<readonly VerifyKey[]> {
    // Nothing here can fit, so nobody waits for it: secrets work while the URL is down.
    if (!publicAlgorithms.has(hint.algorithm)) return [];
    const { now } = this.#deps;
    if (now() - this.#fetchedMs >= staleMs) {
      if (this.#fetching !== null || now() - this.#triedMs >= retryMs) await this.refresh();
      if (now() - this.#fetchedMs >= staleMs) throw new AccessError('auth-unavailable', 'the keys cannot be fetched');
    } else if (now() - this.#fetchedMs >= freshMs && now() - this.#triedMs >= cooldownMs) {
      void this.refresh();
    }
    const found = matching(this.#keys, hint);
    const mayBeNew = hint.id !== null && (this.#fetching !== null || now() - this.#triedMs >= cooldownMs);
    if (found.length > 0 || !mayBeNew) return found;
    await this.refresh();
    return matching(this.#keys, hint);
  }

  /** Fetches the keys; concurrent calls share one request. Never rejects: what was there before stays. */
  refresh(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = null;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    const { logger, stats, now } = this.#deps;
    this.#triedMs = now();
    try {
      const { status, body } = await requestJson({ url: this.#url, agent: this.#agent, timeoutMs, maxBytes });
      if (status !== 200) throw new Error(`status ${status}`);
      this.#keys = jwksKeys(body);
      this.#fetchedMs = now();
    } catch (err) {
      stats.unavailable++;
      logger.error({ err, keys: this.#keys.length }, 'keys could not be fetched; those that are there serve on');
    }
  }
}
