import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyOptions } from 'jose';
import type { Grant } from '../sync/grant.ts';
import { AccessError } from './access-error.ts';
import type { Attempt, Authenticator } from './authenticator.ts';
import { accessTo, readClaims } from './claims.ts';
import type { Claims } from './claims.ts';
import type { KeyHint, KeySource } from './key-source.ts';
import type { VerifyKey } from './verify-key.ts';

export interface JwtOptions {
  readonly sources: readonly KeySource[];
  /** The required `iss`; null if it is not checked. */
  readonly issuer: string | null;
  /** The value that `aud` must be or contain; null if it is not checked. */
  readonly audience: string | null;
  /** In milliseconds since 1970. */
  now(): number;
  /** Called once for each claim that valid tokens carry and that is not checked. */
  readonly unchecked?: (claim: 'iss' | 'aud') => void;
}

/** A request header may have 16 KB, and no reasonable token takes half of that. */
const maxTokenLength = 8_192;
/** How far the issuer's clock may be ahead of this server's. The expiry has no tolerance. */
const clockSkewSeconds = 5;
/**
 * Keys that one token is tried against. During rotation there are two or three of one algorithm; a token without a key
 * id may belong to any key of a set. 32 tries take 3 to 7 ms of CPU time (45 ms with ES512), mostly outside the event
 * loop.
 */
const maxTries = 32;

/** Accepts JSON Web Tokens signed by the application or an identity provider. */
export class JwtAuthenticator implements Authenticator {
  /** The claims of a token do not change. */
  readonly recheck = null;
  readonly waitingChecks = 0;
  readonly #options: JwtOptions;
  readonly #toldUnchecked = new Set<'iss' | 'aud'>();

  constructor(options: JwtOptions) {
    this.#options = options;
  }

  async authenticate({ token, docId }: Attempt): Promise<Grant> {
    const claims = await this.#claimsOf(token);
    const access = accessTo(claims.documents, docId);
    if (access === null) throw new AccessError('forbidden', 'the token does not name this document');
    return grantOf(claims, docId, access);
  }

  async authenticateAdmin({ token, docId }: Attempt): Promise<Grant> {
    const claims = await this.#claimsOf(token);
    if (!claims.admin) throw new AccessError('forbidden', "the token has no 'admin': true");
    return grantOf(claims, docId, 'write');
  }

  async #claimsOf(token: string | null): Promise<Claims> {
    if (token === null) throw new AccessError('unauthorized', 'no token');
    if (token.length > maxTokenLength) throw new AccessError('unauthorized', 'the token is too long');
    const payload = await this.#verify(token);
    this.#tellUnchecked(payload);
    const claims = readClaims(payload);
    if (claims.expiresMs <= this.#options.now()) throw new AccessError('unauthorized', 'the token has expired');
    return claims;
  }

  #tellUnchecked({ iss, aud }: JWTPayload): void {
    const { issuer, audience, unchecked } = this.#options;
    const told = this.#toldUnchecked;
    const tell = (claim: 'iss' | 'aud', isUnchecked: boolean): void => {
      if (!isUnchecked || told.has(claim)) return;
      told.add(claim);
      unchecked?.(claim);
    };
    tell('iss', iss !== undefined && issuer === null);
    tell('aud', aud !== undefined && audience === null);
  }

  async #verify(token: string): Promise<JWTPayload> {
    const hint = readHeader(token);
    const { keys, failure } = await this.#ask((source) => source.find(hint));
    if (keys.length === 0) {
      throw failure ?? new AccessError('unauthorized', 'no key for the algorithm and key id of the token');
    }
    const payload = await this.#tryKeys(token, keys);
    if (payload !== null) return payload;
    const newer = await this.#ask(async (source) => (await source.findNewer?.(hint, token)) ?? []);
    const untried = newer.keys.filter(({ key }) => !keys.some((tried) => tried.key.equals(key)));
    const laterPayload = await this.#tryKeys(token, untried);
    if (laterPayload !== null) return laterPayload;
    throw failure ?? newer.failure ?? new AccessError('unauthorized', 'the signature is wrong');
  }

  /**
   * Resolves with null if none of the keys signed the token. Rejects with AccessError for every other fault of the
   * token.
   */
  async #tryKeys(token: string, keys: readonly VerifyKey[]): Promise<JWTPayload | null> {
    for (const { key, algorithms } of keys.slice(0, maxTries)) {
      try {
        const { payload } = await jwtVerify(token, key, { ...this.#verifyOptions(), algorithms: [...algorithms] });
        return payload;
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw explain(error);
      }
    }
    if (keys.length <= maxTries) return null;
    throw new AccessError(
      'unauthorized',
      `the token fits none of the first ${maxTries} of ${keys.length} keys: name its key in the header (kid)`,
    );
  }

  /** The keys of all sources. A source that fails matters only if no key of the others fits. */
  async #ask(
    find: (source: KeySource) => Promise<readonly VerifyKey[]>,
  ): Promise<{ readonly keys: readonly VerifyKey[]; readonly failure: unknown }> {
    const keys: VerifyKey[] = [];
    let failure: unknown = null;
    for (const answer of await Promise.allSettled(this.#options.sources.map(find))) {
      if (answer.status === 'fulfilled') keys.push(...answer.value);
      else failure = answer.reason;
    }
    return { keys, failure };
  }

  #verifyOptions(): JWTVerifyOptions {
    const { issuer, audience, now } = this.#options;
    return {
      currentDate: new Date(now()),
      clockTolerance: clockSkewSeconds,
      requiredClaims: ['exp', 'sub'],
      ...(issuer === null ? {} : { issuer }),
      ...(audience === null ? {} : { audience }),
    };
  }
}

function grantOf({ userId, name, color, expiresMs, tokenId }: Claims, docId: string, access: Grant['access']): Grant {
  return { userId, person: { name, color }, docId, access, untilMs: expiresMs, tokenId };
}

function readHeader(token: string): KeyHint {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    if (typeof alg === 'string') return { algorithm: alg, id: typeof kid === 'string' ? kid : null };
  } catch {
    // Not a JSON Web Token; refused below, like a header without an algorithm.
  }
  throw new AccessError('unauthorized', 'not a JSON Web Token');
}

/** Converts an error of `jose` to one whose reason holds nothing of the token, so that it can be logged. */
function explain(error: unknown): unknown {
  if (error instanceof errors.JWTExpired) return new AccessError('unauthorized', 'the token has expired');
  if (error instanceof errors.JWTClaimValidationFailed) {
    const why =
      error.reason === 'missing' ? `the token has no '${error.claim}'` : `the token's '${error.claim}' is wrong`;
    return new AccessError('unauthorized', error.claim === 'nbf' ? 'the token is not valid yet' : why);
  }
  if (error instanceof errors.JOSEError) return new AccessError('unauthorized', `not a usable token: ${error.code}`);
  return error;
}
