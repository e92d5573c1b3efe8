import { SignJWT } from 'jose';
import type { JWTPayload } from 'jose';
import type { KeyObject } from 'node:crypto';

export const secret = 'a secret for tests: 32 bytes or more';
export const otherSecret = 'another one: as long as the first one';

export interface Signing {
  readonly key?: string | KeyObject;
  readonly algorithm?: string;
  readonly keyId?: string;
}

/** A token with exactly these claims. */
export function sign(claims: JWTPayload, { key = secret, algorithm = 'HS256', keyId }: Signing = {}): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: algorithm, ...(keyId === undefined ? {} : { kid: keyId }) })
    .sign(typeof key === 'string' ? Buffer.from(key) : key);
}

export interface TokenOptions extends Signing {
  readonly user?: string;
  readonly document?: string;
  readonly access?: 'read' | 'write';
  readonly lifetimeMs?: number;
  readonly nowMs?: number;
  /** Claims that override the others. */
  readonly claims?: JWTPayload;
}

/** A valid token. By default for the user Ada, for an hour. */
export function tokenFor(options: TokenOptions = {}): Promise<string> {
  const { user = 'ada', document = 'doc', access = 'write', lifetimeMs = 3_600_000, nowMs = Date.now() } = options;
  const claims = {
    sub: user,
    name: 'Ada',
    exp: (nowMs + lifetimeMs) / 1_000,
    documents: [{ name: document, access }],
    ...options.claims,
  };
  return sign(claims, options);
}
