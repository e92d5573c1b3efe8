import { readFileSync } from 'node:fs';
import type { AuthConfig, JwtConfig } from '../config/auth.ts';
import type { Logger } from '../logger.ts';
import type { AuthStats } from './auth-stats.ts';
import type { Authenticator } from './authenticator.ts';
import type { JwtAuthenticator } from './jwt-authenticator.ts';
import { openToAll } from './open-to-all.ts';
import { RevocationList } from './revocation-list.ts';
import { KeyError, publicKeys, secretKey } from './verify-key.ts';
import type { VerifyKey } from './verify-key.ts';

/** A key cannot be used; the message is for people, and holds nothing of the key. */
export class AuthSetupError extends Error {
  override readonly name = 'AuthSetupError';
}

export interface AuthSetup {
  readonly auth: AuthConfig;
  readonly revocationsPath: string | null;
  /** Left out, or null, if clients need show no certificate. */
  readonly clientCertificates?: { readonly required: boolean } | null;
}

export interface AuthDeps {
  readonly logger: Logger;
  readonly stats: AuthStats;
  /** In milliseconds since 1970. */
  now(): number;
}

/** Who decides who may come in. */
export interface Auth {
  readonly authenticator: Authenticator;
  readonly revocations: RevocationList | null;
  readonly stats: AuthStats;
}

/** Reads keys and lists. Rejects with AuthSetupError or RevocationListError. */
export async function openAuth(
  { auth, revocationsPath, clientCertificates }: AuthSetup,
  deps: AuthDeps,
): Promise<Auth> {
  const authenticator = await authenticatorOf(auth, deps);
  return {
    authenticator: clientCertificates ? await withCertificates(authenticator, clientCertificates, deps) : authenticator,
    revocations: revocationsPath === null ? null : new RevocationList(revocationsPath, deps.logger),
    stats: deps.stats,
  };
}

async function withCertificates(
  authenticator: Authenticator,
  { required }: { readonly required: boolean },
  { now }: AuthDeps,
): Promise<Authenticator> {
  const { CertificateAuthenticator } = await import('./certificate-authenticator.ts');
  return new CertificateAuthenticator({ required, tokens: authenticator === openToAll ? null : authenticator, now });
}

async function authenticatorOf(auth: AuthConfig, deps: AuthDeps): Promise<Authenticator> {
  if (auth.mode === 'jwt') return jwtAuthenticatorOf(auth, deps);
  if (auth.mode !== 'callout') return openToAll;
  const { CalloutAuthenticator } = await import('./callout-authenticator.ts');
  return new CalloutAuthenticator({ ...deps, url: auth.url });
}

async function jwtAuthenticatorOf(jwt: JwtConfig, deps: AuthDeps): Promise<JwtAuthenticator> {
  // Each brings modules along that a server without tokens does not need, `jose` among them.
  const { FixedKeys } = await import('./key-source.ts');
  const { JwtAuthenticator } = await import('./jwt-authenticator.ts');
  const fixed = new FixedKeys([...secretsOf(jwt).map(secret), ...jwt.publicKeyPaths.flatMap(publicKeysIn)]);
  const jwks = jwt.jwksUrl === null ? null : new (await import('./jwks-url.ts')).JwksUrl(jwt.jwksUrl, deps);
  // So that a wrong URL is in the log from the start, not after the first complaint.
  void jwks?.refresh();
  const { issuer, audience } = jwt;
  return new JwtAuthenticator({
    sources: jwks === null ? [fixed] : [fixed, jwks],
    issuer,
    audience,
    now: deps.now,
    unchecked(claim) {
      const option = claim === 'iss' ? '--auth-issuer' : '--auth-audience';
      deps.logger.warn({ claim, option }, 'tokens have a claim that is not checked: any value of it is accepted');
    },
  });
}

/** All secrets, wherever they are written, in order: the first is the one to sign with. Throws AuthSetupError. */
export function secretsOf({ secrets, secretPath }: JwtConfig): readonly string[] {
  if (secretPath === null) return secrets;
  const lines = readText(secretPath)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (lines.length === 0) throw new AuthSetupError(`The file ${secretPath} holds no secret.`);
  return [...secrets, ...lines];
}

function secret(text: string): VerifyKey {
  return explained('A secret for tokens (commas separate several)', () => secretKey(text));
}

function publicKeysIn(path: string): VerifyKey[] {
  return explained(`The file ${path}`, () => publicKeys(readText(path)));
}

function explained<T>(what: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (error instanceof KeyError) throw new AuthSetupError(`${what} ${error.message}.`, { cause: error });
    throw error;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new AuthSetupError(`The file ${path} cannot be read: ${(cause as Error).message}.`, { cause });
  }
}
