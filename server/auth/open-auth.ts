import { readFileSync } from 'node:fs';
import type { AuthConfig, JwtConfig } from '../config/auth.ts';
import type { Logger } from '../logger.ts';
import type { AuthStats } from './auth-stats.ts';
import { openToAll } from './authenticator.ts';
import type { Authenticator } from './authenticator.ts';
import type { JwtAuthenticator } from './jwt-authenticator.ts';
import { RevocationList } from './revocation-list.ts';
import { KeyError, publicKeys, secretKey } from './verify-key.ts';
import type { VerifyKey } from './verify-key.ts';

/** A key cannot be used. The message is meant for the operator, and holds nothing of the key. */
export class AuthSetupError extends Error {
  override readonly name = 'AuthSetupError';
}

interface AuthSetup {
  readonly auth: AuthConfig;
  readonly revocationsPath: string | null;
  /** Omitted or null if client certificates are not used. */
  readonly clientCertificates?: { readonly required: boolean } | null;
}

export interface AuthDeps {
  readonly logger: Logger;
  readonly stats: AuthStats;
  /** In milliseconds since 1970. */
  now(): number;
}

/** The parts that decide about access. */
export interface Auth {
  readonly authenticator: Authenticator;
  readonly revocations: RevocationList | null;
  readonly stats: AuthStats;
}

/** Reads keys and the revocation list. Rejects with AuthSetupError or RevocationListError. */
export async function openAuth(
  { auth, revocationsPath, clientCertificates }: AuthSetup,
  deps: AuthDeps,
): Promise<Auth> {
  const authenticator = await authenticatorOf(auth, deps);
  return {
    authenticator: clientCertificates ? await withCertificates(authenticator, clientCertificates, deps) : authenticator,
    revocations: revocationsPath === null ? null : RevocationList.open(revocationsPath, deps.logger),
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
  // Imported on demand: a server without tokens does not load these modules and `jose`.
  const { FixedKeys } = await import('./key-source.ts');
  const { JwtAuthenticator } = await import('./jwt-authenticator.ts');
  const fixed = new FixedKeys([...secretsOf(jwt).map(secret), ...jwt.publicKeyPaths.flatMap(publicKeysIn)]);
  const jwks = jwt.jwksUrl === null ? null : new (await import('./jwks-url.ts')).JwksUrl(jwt.jwksUrl, deps);
  // A wrong URL is logged at the start, not when the first client is refused.
  void jwks?.refresh();
  const { issuer, audience } = jwt;
  return new JwtAuthenticator({
    sources: jwks === null ? [fixed] : [fixed, jwks],
    issuer,
    audience,
    now: deps.now,
    unchecked(claim) {
      const option = claim === 'iss' ? '--auth-issuer' : '--auth-audience';
      deps.logger.warn({ claim, option }, 'tokens have a claim that is not checked; any value of it is accepted');
    },
  });
}

/** All secrets from the options and the file, in order. The first one signs. Throws AuthSetupError. */
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
