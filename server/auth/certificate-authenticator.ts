import type { Grant } from '../sync/grant.ts';
import { AccessError } from './access-error.ts';
import type { Attempt, Authenticator, BeforeAsking, ClientIdentity } from './authenticator.ts';

export interface CertificateAuthenticatorOptions {
  /** Refuse every client without a certificate. */
  readonly required: boolean;
  /** Checks tokens. Null if tokens are not used; a certificate then allows writing to every document. */
  readonly tokens: Authenticator | null;
  /** In milliseconds since 1970. */
  now(): number;
}

/** Accepts client certificates, instead of tokens or together with a token for the same user. */
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

  /** Decides by the token alone, because the HTTP API is used without client certificates. */
  async authenticateAdmin(attempt: Attempt, beforeAsking?: BeforeAsking): Promise<Grant> {
    const { tokens } = this.#options;
    if (tokens === null)
      throw new AccessError('forbidden', 'administrators need a token, and tokens are not configured');
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

/** The same limit as for user ids in tokens. */
const maxUserIdLength = 256;

function userOf({ userId, untilMs, problem }: ClientIdentity, nowMs: number): string {
  if (problem !== null) throw new AccessError('unauthorized', `the client certificate is not trusted: ${problem}`);
  if (untilMs <= nowMs) throw new AccessError('unauthorized', 'the client certificate has expired');
  if (userId !== null && userId !== '' && userId.length <= maxUserIdLength) return userId;
  throw new AccessError(
    'unauthorized',
    `the client certificate has no user name of 1 to ${maxUserIdLength} characters`,
  );
}
