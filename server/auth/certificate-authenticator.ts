import type { Grant } from '../sync/grant.ts';
import { AccessError } from './access-error.ts';
import type { Attempt, Authenticator, BeforeAsking, ClientIdentity } from './authenticator.ts';

export interface CertificateAuthenticatorOptions {
  /** Nobody comes in without a certificate. */
  readonly required: boolean;
  /** Who decides about tokens; null if there are none: then a certificate is good for every document. */
  readonly tokens: Authenticator | null;
  /** In milliseconds since 1970. */
  now(): number;
}

/** Takes client certificates: beside tokens, which then must be for the same user, or instead of them. */
export class CertificateAuthenticator implements Authenticator {
  readonly recheck: Authenticator['recheck'];
  readonly #options: CertificateAuthenticatorOptions;

  constructor(options: CertificateAuthenticatorOptions) {
    this.#options = options;
    const recheck = options.tokens?.recheck ?? null;
    this.recheck = recheck === null ? null : (attempt) => this.#decide(attempt, recheck);
  }

  get waitingChecks(): number {
    return this.#options.tokens?.waitingChecks ?? 0;
  }

  authenticate(attempt: Attempt, beforeAsking?: BeforeAsking): Promise<Grant> {
    const { tokens } = this.#options;
    return this.#decide(attempt, tokens === null ? null : (inner) => tokens.authenticate(inner, beforeAsking));
  }

  /** By token alone: the HTTP API is asked without certificates. */
  async authenticateAdmin(attempt: Attempt, beforeAsking?: BeforeAsking): Promise<Grant> {
    const { tokens } = this.#options;
    if (tokens === null) throw new AccessError('forbidden', 'without tokens nobody is an administrator');
    return tokens.authenticateAdmin(attempt, beforeAsking);
  }

  async #decide(attempt: Attempt, byToken: ((attempt: Attempt) => Promise<Grant>) | null): Promise<Grant> {
    const { required, now } = this.#options;
    const identity = attempt.identity ?? null;
    if (identity === null) {
      if (required || byToken === null) throw new AccessError('unauthorized', 'no client certificate');
      return byToken(attempt);
    }
    const userId = userOf(identity, now());
    const { untilMs, name } = identity;
    if (byToken === null || (!required && attempt.token === null)) {
      const person = { name, color: null };
      return { userId, person, docId: attempt.docId, access: 'write', untilMs, tokenId: null };
    }
    const grant = await byToken(attempt);
    if (grant.userId !== userId)
      throw new AccessError('forbidden', 'the token is for another user than the certificate');
    return { ...grant, untilMs: Math.min(grant.untilMs ?? Infinity, untilMs) };
  }
}

/** As long as the ids of tokens. */
const maxUserIdLength = 256;

function userOf({ userId, untilMs, problem }: ClientIdentity, nowMs: number): string {
  if (problem !== null) throw new AccessError('unauthorized', `the client certificate is not good: ${problem}`);
  if (untilMs <= nowMs) throw new AccessError('unauthorized', 'the client certificate has expired');
  if (userId !== null && userId !== '' && userId.length <= maxUserIdLength) return userId;
  throw new AccessError('unauthorized', `the client certificate names nobody in 1 to ${maxUserIdLength} characters`);
}
