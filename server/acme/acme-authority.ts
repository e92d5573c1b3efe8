import type * as acmeClient from 'acme-client';
import type { Authorization, Client, Order } from 'acme-client';
import type { Logger } from '../logger.ts';
import type { ChallengeAnswers } from '../tls/challenge-answers.ts';
import { excerpt } from '../limits/peer-text.ts';
import { AcmeError, problemError } from './acme-error.ts';
import { newKey } from './acme-store.ts';
import { AcmeTransport } from './acme-transport.ts';
import type { AcmeAnswer } from './acme-transport.ts';
import type { CertificateAuthority, CertificateOrder } from './certificate-authority.ts';
import { parseRenewalInfo } from './renewal-info.ts';
import type { RenewalInfo } from './renewal-info.ts';

export type ChallengeType = 'tls-alpn-01' | 'http-01';

export interface AcmeAccount {
  readonly directoryUrl: URL;
  readonly email: string | null;
  readonly challenge: ChallengeType;
  /** A certificate profile that the directory offers; null for the default one. */
  readonly profile: string | null;
  /** An additional root to trust for the directory itself, PEM; null for none. */
  readonly ca: string | null;
  /** The User-Agent header (RFC 8555, 6.1). */
  readonly userAgent: string;
}

export interface AcmeAuthorityDeps {
  readonly logger: Logger;
  /** The responders through which this server proves that it controls the names. */
  readonly answers: ChallengeAnswers;
  /** Private key of the account, PEM. */
  readonly accountKey: string;
  /** In milliseconds since 1970. */
  now(): number;
  /** Rejects when the signal is aborted. */
  wait(delayMs: number, signal: AbortSignal): Promise<void>;
}

type Library = Omit<typeof acmeClient, 'default'>;
/** The types of acme-client know only the challenges of 2019. */
type Challenge = Authorization['challenges'][number];

type Adapter = Extract<Library['axios']['defaults']['adapter'], (...config: never[]) => unknown>;
type Adapted = Awaited<ReturnType<Adapter>>;

/** Time between polls of the authority. It needs seconds, and up to a minute when it is busy. */
const pollDelaysMs = [500, 1_000, 2_000, 3_000, 5_000];
const maxPolls = 40;

/**
 * An authority that speaks ACME (RFC 8555). The library `acme-client` implements the protocol. Requests go through
 * `AcmeTransport`, because the library's own transport waits for rate limits without a bound and drops the type of a
 * problem.
 */
export class AcmeAuthority implements CertificateAuthority {
  readonly #account: AcmeAccount;
  readonly #deps: AcmeAuthorityDeps;
  readonly #library: Library;
  readonly #ending = new AbortController();
  readonly #transport: AcmeTransport;
  #client: Promise<Client> | null = null;

  /** The library has one HTTP client for the process, so there can be one authority at a time. */
  static async open(account: AcmeAccount, deps: AcmeAuthorityDeps): Promise<AcmeAuthority> {
    // Imported on demand: it takes 12 MB, which only servers with ACME need.
    const { default: library } = await import('acme-client');
    const authority = new AcmeAuthority(account, deps, library);
    const adapter: Adapter = async (config) => {
      const { method = 'get', url = '', data, headers } = config;
      const answer = await authority.#transport.send({
        method: method.toUpperCase(),
        url,
        headers: { 'Content-Type': String(headers.get('Content-Type')) },
        body: typeof data === 'string' ? data : null,
      });
      const { status, body: text } = answer;
      return { status, statusText: String(status), headers: { ...answer.headers }, data: text, config } as Adapted;
    };
    library.axios.defaults.adapter = adapter;
    return authority;
  }

  private constructor(account: AcmeAccount, deps: AcmeAuthorityDeps, library: Library) {
    this.#account = account;
    this.#deps = deps;
    this.#library = library;
    this.#transport = new AcmeTransport({
      ca: account.ca,
      userAgent: account.userAgent,
      signal: this.#ending.signal,
      now: deps.now,
    });
  }

  async obtain(order: CertificateOrder): Promise<string> {
    this.#client ??= this.#register();
    try {
      return await this.#obtain(await this.#client, order);
    } catch (error) {
      // The account may be the cause, so the next order looks it up again.
      this.#client = null;
      if (error instanceof AcmeError) throw error;
      throw new AcmeError('bad-answer', `the authority's answer is invalid: ${(error as Error).message}`, null, {
        cause: error,
      });
    }
  }

  async renewalInfo(certificateId: string): Promise<RenewalInfo | null> {
    const { renewalInfo } = await this.#directory();
    if (typeof renewalInfo !== 'string') return null;
    return parseRenewalInfo((await this.#get(`${renewalInfo}/${certificateId}`)).body);
  }

  stop(): void {
    this.#ending.abort(new Error('the server is stopping'));
  }

  /** Finds or creates the account of the key. */
  async #register(): Promise<Client> {
    const { directoryUrl, email } = this.#account;
    const client = new this.#library.Client({ directoryUrl: directoryUrl.href, accountKey: this.#deps.accountKey });
    const contact = email === null ? [] : [`mailto:${email}`];
    try {
      const { contact: known = [] } = await client.createAccount({ onlyReturnExisting: true });
      if (known.join() !== contact.join()) await client.updateAccount({ contact });
    } catch (error) {
      if (!(error instanceof AcmeError) || error.code !== 'accountDoesNotExist') throw error;
      await client.createAccount({ termsOfServiceAgreed: true, contact });
    }
    // Null if the authority has no terms, although the types of the library say otherwise.
    const urls: readonly (string | null)[] = [await client.getTermsOfServiceUrl()];
    const [terms] = urls.map((url) => (url === null ? null : excerpt(url)));
    this.#deps.logger.info({ directory: directoryUrl.href, email, terms }, 'acme account ready');
    return client;
  }

  async #obtain(client: Client, { names, key, replaces }: CertificateOrder): Promise<string> {
    const order = await this.#order(client, names, replaces);
    const authorizations = await client.getAuthorizations(order);
    const withdrawals: (() => void)[] = [];
    try {
      for (const authorization of authorizations) {
        // The proof of a recent order is still valid.
        if (authorization.status === 'valid') continue;
        const { challenge, withdraw } = await this.#answer(client, authorization);
        withdrawals.push(withdraw);
        await client.completeChallenge(challenge);
      }
      await this.#poll('the names were checked', async () => {
        const states = await client.getAuthorizations(order);
        for (const state of states) checkAuthorization(state);
        return states.every(({ status }) => status === 'valid') ? true : null;
      });
    } finally {
      for (const withdraw of withdrawals) withdraw();
    }
    const ready = await this.#poll('the order was ready', async () =>
      checkOrder(await client.getOrder(order), 'ready'),
    );
    // No common name: it is optional, and is limited to 64 characters.
    const [, csr] = await this.#library.crypto.createCsr({ altNames: [...names] }, key);
    await client.finalizeOrder(ready, csr);
    const issued = await this.#poll('the certificate was issued', async () =>
      checkOrder(await client.getOrder(order), 'valid'),
    );
    return client.getCertificate(issued);
  }

  async #order(client: Client, names: readonly string[], replaces: string | null): Promise<Order> {
    const { profile } = this.#account;
    const order = {
      identifiers: names.map((value) => ({ type: 'dns', value })),
      ...(profile === null ? {} : { profile }),
    };
    if (replaces === null || typeof (await this.#directory())['renewalInfo'] !== 'string') {
      return client.createOrder(order);
    }
    try {
      return await client.createOrder({ ...order, replaces } as typeof order);
    } catch (error) {
      // It was already replaced by an order that failed here, or it belongs to another account.
      if (error instanceof AcmeError && ['alreadyReplaced', 'malformed', 'unauthorized'].includes(error.code)) {
        return client.createOrder(order);
      }
      throw error;
    }
  }

  async #answer(client: Client, { identifier, challenges }: Authorization) {
    const { challenge: wanted } = this.#account;
    const challenge = (challenges as readonly { readonly type: string }[]).find(({ type }) => type === wanted) as
      Challenge | undefined;
    if (challenge === undefined) {
      const offered = challenges.map(({ type }) => type).join(', ');
      throw new AcmeError('no-challenge', `the authority offers ${offered} for ${identifier.value}, not ${wanted}`);
    }
    const proof = await client.getChallengeKeyAuthorization(challenge);
    const { answers } = this.#deps;
    if (wanted === 'http-01') return { challenge, withdraw: answers.answerHttp(challenge.token, proof) };
    const key = newKey();
    const [, cert] = await this.#library.crypto.createAlpnCertificate({ identifier } as Authorization, proof, key);
    return { challenge, withdraw: answers.answerTls(identifier.value, { cert: cert.toString(), key }) };
  }

  async #poll<T>(what: string, look: () => Promise<T | null>): Promise<T> {
    for (let poll = 0; poll < maxPolls; poll++) {
      await this.#deps.wait(pollDelaysMs[poll] ?? pollDelaysMs.at(-1)!, this.#ending.signal);
      const found = await look();
      if (found !== null) return found;
    }
    throw new AcmeError('timeout', `it took more than ${maxPolls} polls until ${what}`);
  }

  async #directory(): Promise<Readonly<Record<string, unknown>>> {
    const { body } = await this.#get(this.#account.directoryUrl.href);
    try {
      return JSON.parse(body) as Readonly<Record<string, unknown>>;
    } catch (cause) {
      throw new AcmeError('bad-answer', 'the directory is not JSON', null, { cause });
    }
  }

  #get(url: string): Promise<AcmeAnswer> {
    return this.#transport.send({ method: 'GET', url, headers: {}, body: null });
  }
}

/** Throws AcmeError for a failed authorization, with the reason from the failed challenge. */
function checkAuthorization({ status, identifier, challenges }: Authorization): void {
  if (status === 'valid' || status === 'pending') return;
  const problem = challenges.find(({ error }) => error !== undefined)?.error;
  const { code, message } = problemError(problem ?? {}, `the check is ${status}`);
  throw new AcmeError(code, `${identifier.value}: ${message}`);
}

/** Returns null until the order has the wanted status. Throws AcmeError for a failed order. */
function checkOrder(order: Order, wanted: 'ready' | 'valid'): Order | null {
  if (order.status === 'invalid') throw problemError(order.error ?? {}, 'the order has failed');
  return order.status === wanted || order.status === 'valid' ? order : null;
}
