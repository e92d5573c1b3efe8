import { createSecureContext } from 'node:tls';
import type { SecureContext } from 'node:tls';
import type { Credentials } from './certificate.ts';

/** The protocol that a certificate authority offers, alone, when it looks for a TLS-ALPN-01 answer (RFC 8737). */
export const acmeProtocol = 'acme-tls/1';
/** Where it looks for an HTTP-01 answer, over plain HTTP on port 80 (RFC 8555, 8.3). */
export const acmePath = '/.well-known/acme-challenge/';

/**
 * What a certificate authority must find here while it checks that a name is ours; empty at all other times. Nobody else
 * notices: over TLS it is shown only to who offers the authority's protocol.
 */
export class ChallengeAnswers {
  /** Times at which somebody came for an answer that is here. */
  fetched = 0;
  readonly #http = new Map<string, string>();
  readonly #tls = new Map<string, SecureContext>();

  /** Returns what takes it away again. */
  answerHttp(token: string, keyAuthorization: string): () => void {
    this.#http.set(token, keyAuthorization);
    return () => this.#http.delete(token);
  }

  /** Returns what takes it away again. Throws if OpenSSL cannot use the certificate. */
  answerTls(name: string, { cert, key }: Credentials): () => void {
    this.#tls.set(name.toLowerCase(), createSecureContext({ cert, key }));
    return () => this.#tls.delete(name.toLowerCase());
  }

  /** The body for the target of a request; null if there is none. */
  http(target: string): string | null {
    const answer = target.startsWith(acmePath) ? this.#http.get(target.slice(acmePath.length)) : undefined;
    if (answer !== undefined) this.fetched++;
    return answer ?? null;
  }

  /** The certificate for a client that asks for this name by these protocols; null if it is not the authority. */
  tls(name: string, protocols: readonly string[]): SecureContext | null {
    const [first, ...more] = protocols;
    const answer = first === acmeProtocol && more.length === 0 ? this.#tls.get(name.toLowerCase()) : undefined;
    if (answer !== undefined) this.fetched++;
    return answer ?? null;
  }
}
