import type { OriginRule } from '../auth/origin-check.ts';
import type { OptionName, OptionValues } from './options.ts';
import { optionNames } from './options.ts';

/** How it is found out who somebody is. */
export type AuthConfig =
  /** Nothing was said about it: everybody may do everything, so nobody but this machine may get here. */
  | { readonly mode: 'unset' }
  /** The same, and meant so. */
  | { readonly mode: 'none' }
  /** Everybody with a certificate of the authority may do everything. */
  | { readonly mode: 'certificate' }
  | JwtConfig
  | { readonly mode: 'callout'; readonly url: URL };

export interface JwtConfig {
  readonly mode: 'jwt';
  readonly secrets: readonly string[];
  readonly secretPath: string | null;
  readonly publicKeyPaths: readonly string[];
  readonly jwksUrl: URL | null;
  readonly issuer: string | null;
  readonly audience: string | null;
}

/** Two options that contradict each other, or one that needs another; the message is the sentence. */
export class AuthOptionError extends Error {
  override readonly name = 'AuthOptionError';
}

const keyOptions = ['auth-secret', 'auth-secret-file', 'auth-public-key', 'auth-jwks-url'] as const;

/** `isLoopback` tells whether only this machine can get here. Throws AuthOptionError. */
export function authOf(values: OptionValues, isLoopback: boolean): AuthConfig {
  const isGiven = (name: OptionName): boolean => values[name] !== null;
  const keys = keyOptions.filter(isGiven);
  // Several kinds of keys are one way.
  const [first, second] = [...keys.slice(0, 1), ...(['auth', 'auth-url'] as const).filter(isGiven)];
  if (first !== undefined && second !== undefined) {
    throw new AuthOptionError(`--${first} and --${second} exclude each other: leave one of them out.`);
  }
  const needsKeys = (['auth-issuer', 'auth-audience'] as const).find(isGiven);
  if (needsKeys !== undefined && keys.length === 0) {
    throw new AuthOptionError(`--${needsKeys} is about tokens: give --${keyOptions.join(', --')} too.`);
  }
  if (isGiven('auth-revocations') && keys.length === 0 && !isGiven('auth-url') && !isGiven('tls-client-ca')) {
    throw new AuthOptionError(
      '--auth-revocations without tokens, --auth-url or --tls-client-ca revokes nothing: give one of them.',
    );
  }
  if (keys.length > 0) return jwtOf(values);
  if (values['auth-url'] !== null) return { mode: 'callout', url: values['auth-url'] };
  if (isGiven('tls-client-ca')) {
    if (values.auth === 'none') {
      throw new AuthOptionError('--auth none and --tls-client-ca exclude each other: leave one of them out.');
    }
    if (values['tls-client-auth'] === 'required') return { mode: 'certificate' };
    throw new AuthOptionError(
      '--tls-client-auth optional is for those who have a token instead: say how tokens are checked, or leave it out.',
    );
  }
  if (values.auth === 'none') return { mode: 'none' };
  if (isLoopback) return { mode: 'unset' };
  throw new AuthOptionError(
    `On ${values.host} others than this machine can reach every document: say who may, by --auth-secret-file, ` +
      '--auth-public-key, --auth-jwks-url or --auth-url; or --auth none for everybody.',
  );
}

/** What the keys of tokens are, wherever it was said. */
export function jwtOf(values: OptionValues): JwtConfig {
  return {
    mode: 'jwt',
    secrets: values['auth-secret'] ?? [],
    secretPath: values['auth-secret-file'],
    publicKeyPaths: values['auth-public-key'] ?? [],
    jwksUrl: values['auth-jwks-url'],
    issuer: values['auth-issuer'],
    audience: values['auth-audience'],
  };
}

/**
 * Which pages may connect. A list of origins replaces the defaults.
 *
 * By default a page of the same host may connect. That proves nothing if no token is asked for and no certificate has to
 * match the name: an attacker's page can make its own name resolve to this server (DNS rebinding), and then it is of the
 * same host. Such servers accept pages of this machine and pages opened by address only.
 */
export function originsOf(values: OptionValues, auth: AuthConfig, isLoopback: boolean): OriginRule {
  const origins = values['allowed-origins'];
  if (origins !== null) return { origins, sameHost: false, loopback: false };
  const isOpen = auth.mode === 'unset' || auth.mode === 'none';
  if (!isOpen || (!isLoopback && values.tls !== 'off')) return { origins: [], sameHost: true, loopback: isLoopback };
  return isLoopback
    ? { origins: [], sameHost: false, loopback: true }
    : { origins: [], sameHost: false, sameAddress: true, loopback: false };
}

export function authWarnings(values: OptionValues, auth: AuthConfig): string[] {
  const warnings: string[] = [];
  if (auth.mode === 'none') {
    warnings.push('With --auth none everybody who reaches this server may read and write every document.');
  }
  if (auth.mode === 'jwt' && auth.jwksUrl !== null && auth.audience === null) {
    warnings.push('Without --auth-audience, tokens that the same issuer made for other applications are accepted too.');
  }
  for (const name of optionNames) {
    const value: unknown = values[name];
    if (value instanceof URL && value.protocol === 'http:' && !isPrivate(value)) {
      warnings.push(`--${name} is asked without TLS: whoever is on the way can let anybody in.`);
    }
  }
  return warnings;
}

/** Loopback, or a name without a dot: of this machine, or of the network that a container shares with its application. */
function isPrivate({ hostname }: URL): boolean {
  if (hostname.startsWith('[')) return hostname === '[::1]';
  return !hostname.includes('.') || hostname.startsWith('127.');
}
