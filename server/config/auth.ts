import type { OptionName, OptionValues } from './options.ts';
import { optionNames } from './options.ts';
import { ConfigError } from './values.ts';

/** How clients are authenticated. */
export type AuthConfig =
  /** Not configured. Every client may do everything, so only clients of this machine may connect. */
  | { readonly mode: 'unset' }
  /** The operator chose to have no authentication. */
  | { readonly mode: 'none' }
  /** Every client with a certificate of the authority may do everything. */
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

const keyOptions = ['auth-secret', 'auth-secret-file', 'auth-public-key', 'auth-jwks-url'] as const;

/** `isLoopback` says whether only clients of this machine can connect. Throws ConfigError. */
export function authOf(values: OptionValues, isLoopback: boolean): AuthConfig {
  const isGiven = (name: OptionName): boolean => values[name] !== null;
  const keys = keyOptions.filter(isGiven);
  // Options for different kinds of keys may be combined.
  const [first, second] = [...keys.slice(0, 1), ...(['auth', 'auth-url'] as const).filter(isGiven)];
  if (first !== undefined && second !== undefined) {
    throw new ConfigError(`--${first} and --${second} exclude each other. Remove one of them.`);
  }
  const needsKeys = (['auth-issuer', 'auth-audience'] as const).find(isGiven);
  if (needsKeys !== undefined && keys.length === 0) {
    throw new ConfigError(`--${needsKeys} is about tokens. Add --${keyOptions.join(', --')}.`);
  }
  if (isGiven('auth-revocations') && keys.length === 0 && !isGiven('auth-url') && !isGiven('tls-client-ca')) {
    throw new ConfigError(
      '--auth-revocations has no effect without tokens, --auth-url or --tls-client-ca. Add one of them.',
    );
  }
  if (keys.length > 0) return jwtOf(values);
  if (values['auth-url'] !== null) return { mode: 'callout', url: values['auth-url'] };
  if (isGiven('tls-client-ca')) {
    if (values.auth === 'none') {
      throw new ConfigError('--auth none and --tls-client-ca exclude each other. Remove one of them.');
    }
    if (values['tls-client-auth'] === 'required') return { mode: 'certificate' };
    throw new ConfigError(
      '--tls-client-auth optional admits clients with a token instead. Configure how tokens are checked, or remove it.',
    );
  }
  if (values.auth === 'none') return { mode: 'none' };
  if (isLoopback) return { mode: 'unset' };
  throw new ConfigError(
    `Listening on ${values.host} exposes every document to other machines. Configure authentication with ` +
      '--auth-secret-file, --auth-public-key, --auth-jwks-url or --auth-url, or allow everyone with --auth none.',
  );
}

/** Collects the keys for tokens from all options. */
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

/** Which pages may connect. A page needs only one of these to allow it. */
export interface OriginRule {
  /** Lower case; `*` allows every page. */
  readonly origins: readonly string[];
  /** Pages that were loaded from the host and port that they connect to. */
  readonly sameHost: boolean;
  /** Like `sameHost`, but only if the host is an IP address, which excludes names that an attacker may have rebound. */
  readonly sameAddress?: boolean;
  /** Pages of this machine on any port, such as the dev server of a frontend. */
  readonly loopback: boolean;
}

/**
 * The rule for pages that may connect. A list of origins replaces the defaults.
 *
 * By default a page of the same host may connect. That gives no protection if no token is required and no certificate
 * has to match the name: an attacker's page can make its own name resolve to this server (DNS rebinding), and then has
 * the same host. Such servers accept only pages of this machine and pages opened by IP address.
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
    warnings.push('With --auth none every client that reaches this server may read and write every document.');
  }
  if (auth.mode === 'jwt' && auth.jwksUrl !== null && auth.audience === null) {
    warnings.push('Without --auth-audience, tokens that the same issuer made for other applications are accepted too.');
  }
  for (const name of optionNames) {
    const value: unknown = values[name];
    if (value instanceof URL && value.protocol === 'http:' && !isPrivate(value)) {
      warnings.push(`--${name} is requested without TLS. An attacker on the network path can grant access to anyone.`);
    }
  }
  return warnings;
}

/**
 * Loopback, or a name without a dot: a host on this machine, or on the network that a container shares with its
 * application.
 */
function isPrivate({ hostname }: URL): boolean {
  if (hostname.startsWith('[')) return hostname === '[::1]';
  return !hostname.includes('.') || hostname.startsWith('127.');
}
