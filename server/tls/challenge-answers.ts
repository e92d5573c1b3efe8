import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';
import type { Credentials } from './certificate.ts';

/** The only protocol that a certificate authority offers when it asks for a TLS-ALPN-01 answer (RFC 8737). */
export const acmeProtocol = 'acme-tls/1';
/** The path of HTTP-01 answers, over plain HTTP on port 80 (RFC 8555, 8.3). */
export const acmePath = '/.well-known/acme-challenge/';

/**
 * The answers to ACME challenges, with which a certificate authority checks that a name belongs to this server. Empty
 * at all other times. Other clients see no difference: over TLS only a client that offers the authority's protocol gets
 * an answer.
 */
export class ChallengeAnswers {
  /** How often an answer was fetched. */
  fetched = 0;
  readonly #http = new Map<string, string>();
  readonly #tls = new Map<string, SecureContext>();

  /** Adds an answer. Returns a function that removes it. */
  answerHttp(token: string, keyAuthorization: string): () => void {
    this.#http.set(token, keyAuthorization);
    return () => this.#http.delete(token);
  }

  /**
   * Adds a certificate as an answer. Returns a function that removes it. Throws if OpenSSL cannot use the certificate.
   */
  answerTls(name: string, { cert, key }: Credentials): () => void {
    this.#tls.set(name.toLowerCase(), createSecureContext({ cert, key }));
    return () => this.#tls.delete(name.toLowerCase());
  }

  /** The response body for the target of a request; null if there is none. */
  http(target: string): string | null {
    const answer = target.startsWith(acmePath) ? this.#http.get(target.slice(acmePath.length)) : undefined;
    if (answer !== undefined) this.fetched++;
    return answer ?? null;
  }

  /**
   * The certificate for a client that asks for this name with these protocols; null if the client is not an authority.
   */
  tls(name: string, protocols: readonly string[]): SecureContext | null {
    const [first, ...more] = protocols;
    const answer = first === acmeProtocol && more.length === 0 ? this.#tls.get(name.toLowerCase()) : undefined;
    if (answer !== undefined) this.fetched++;
    return answer ?? null;
  }
}
