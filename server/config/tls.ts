import { isIP } from 'node:net';
import type { OptionName, OptionValues } from './options.ts';
import { acmeDirectories, tlsOptions } from './tls-options.ts';
import { ConfigError } from './values.ts';

/** Files with a certificate and its key. */
export interface CertificatePaths {
  readonly certPath: string;
  readonly keyPath: string;
}

/** The settings for certificates by ACME. */
export interface AcmeConfig {
  readonly domains: readonly string[];
  readonly email: string | null;
  readonly challenge: 'tls-alpn-01' | 'http-01';
  readonly directoryUrl: URL;
  readonly profile: string | null;
  /** An additional root to trust for the directory; null for none. */
  readonly caPath: string | null;
}

/** The source of the certificate. */
export type TlsConfig =
  | { readonly mode: 'dev' }
  | { readonly mode: 'files'; readonly pairs: readonly CertificatePaths[] }
  | { readonly mode: 'acme'; readonly acme: AcmeConfig }
  | { readonly mode: 'off' };

/** The settings for client certificates. */
export interface ClientCertificates {
  readonly caPath: string;
  /** Whether every client needs a certificate to open a document. */
  readonly required: boolean;
}

/** The given value of an option, and its source. */
export interface Given {
  readonly written: string;
  /** The flag or the variable that gave it. */
  readonly source: string;
}

type GivenOptions = ReadonlyMap<OptionName, Given>;

/** This and the functions below throw ConfigError. */
export function tlsOf(values: OptionValues, given: GivenOptions): TlsConfig {
  const acme = acmeOf(values, given);
  const certPaths = values['tls-cert'];
  const keyPaths = values['tls-key'];
  if (certPaths === null && keyPaths === null && acme === null) return { mode: values.tls };
  const tls = given.get('tls');
  if (tls !== undefined) {
    throw new ConfigError(`${tls.source} and a certificate of your own exclude each other. Remove one of them.`);
  }
  if (acme !== null) {
    const other = given.get('tls-cert') ?? given.get('tls-key');
    if (other === undefined) return { mode: 'acme', acme };
    throw new ConfigError(
      `${other.source} and a certificate by ACME exclude each other. Remove one of them and the options that belong to it.`,
    );
  }
  if (certPaths === null) throw new ConfigError('The key has no certificate. Add --tls-cert <file>.');
  if (keyPaths === null) throw new ConfigError('The certificate has no key. Add --tls-key <file>.');
  if (certPaths.length !== keyPaths.length) {
    throw new ConfigError(
      `There are ${certPaths.length} certificates and ${keyPaths.length} keys. Pass one key for each certificate, in the same order.`,
    );
  }
  return { mode: 'files', pairs: certPaths.map((certPath, index) => ({ certPath, keyPath: keyPaths[index]! })) };
}

function acmeOf(values: OptionValues, given: GivenOptions): AcmeConfig | null {
  const domains = values['acme-domain'];
  if (domains === null) {
    const lonely = (Object.keys(tlsOptions) as OptionName[]).find(
      (name) => name.startsWith('acme-') && given.has(name),
    );
    if (lonely === undefined) return null;
    throw new ConfigError(`${given.get(lonely)!.source} is about certificates by ACME. Add --acme-domain <name>.`);
  }
  if (!values['acme-agree-terms']) {
    throw new ConfigError(
      "--acme-domain needs --acme-agree-terms. It says that you agree to the authority's terms of service " +
        "(Let's Encrypt: https://letsencrypt.org/repository).",
    );
  }
  if (values.ephemeral) {
    throw new ConfigError(
      '--ephemeral would lose the certificate, and authorities issue only a few per week. Remove it, or --acme-domain.',
    );
  }
  const directory = given.get('acme-directory');
  if (values['acme-staging'] && directory !== undefined) {
    throw new ConfigError(`--acme-staging and ${directory.source} exclude each other. Remove one of them.`);
  }
  const challenge = values['acme-challenge'];
  if (challenge === 'http-01' && values['http-port'] === 'off') {
    throw new ConfigError('--acme-challenge http-01 needs --http-port 80, which the authority connects to.');
  }
  return {
    domains,
    email: values['acme-email'],
    challenge,
    directoryUrl: values['acme-staging'] ? new URL(acmeDirectories.staging) : values['acme-directory'],
    profile: values['acme-profile'],
    caPath: values['acme-ca'],
  };
}

export function clientCertificatesOf(
  values: OptionValues,
  tls: TlsConfig,
  given: GivenOptions,
): ClientCertificates | null {
  const caPath = values['tls-client-ca'];
  if (caPath === null) {
    const lonely = given.get('tls-client-auth');
    if (lonely === undefined) return null;
    throw new ConfigError(`${lonely.source} is about client certificates. Add --tls-client-ca <file>.`);
  }
  if (tls.mode === 'off') {
    throw new ConfigError(
      '--tls-client-ca needs TLS in Quire. With --tls off the proxy must check client certificates.',
    );
  }
  return { caPath, required: values['tls-client-auth'] === 'required' };
}

export function httpPortOf(values: OptionValues, tls: TlsConfig, given: GivenOptions): number | null {
  const httpPort = values['http-port'];
  if (httpPort === 'off') return null;
  needsCertificate(tls, given.get('http-port'));
  if (httpPort !== 0 && httpPort === values.port) {
    throw new ConfigError(`--port and --http-port are both ${httpPort}. Choose different ports.`);
  }
  return httpPort;
}

export function hstsOf(values: OptionValues, tls: TlsConfig, given: GivenOptions): boolean {
  if (values.hsts) needsCertificate(tls, given.get('hsts'));
  return values.hsts;
}

/**
 * HSTS with a development certificate would lock users out of their own machine; behind a proxy the proxy must set it.
 */
function needsCertificate(tls: TlsConfig, given: Given | undefined): void {
  if (tls.mode === 'files' || tls.mode === 'acme' || given === undefined) return;
  throw new ConfigError(
    `${given.source} needs a certificate of your own (--tls-cert, --tls-key)` +
      (tls.mode === 'off' ? '; with --tls off the proxy must set it.' : '.'),
  );
}

export function plainPortOf(values: OptionValues, tls: TlsConfig, given: GivenOptions): number | null {
  const plainPort = values['plain-port'];
  if (plainPort === 'off') return null;
  const source = given.get('plain-port')?.source;
  if (tls.mode === 'dev' && isLoopback(values.host)) {
    if (plainPort !== 0 && plainPort === values.port) {
      throw new ConfigError(`--port and --plain-port are both ${plainPort}. Choose different ports.`);
    }
    return plainPort;
  }
  if (source === undefined) return null;
  throw new ConfigError(
    `${source} is for development only, on a loopback address and without a certificate of your own. Remove it` +
      (tls.mode === 'off' ? '; with --tls off, --port is already plain.' : '.'),
  );
}

/** Warnings about settings that are allowed but probably a mistake. */
export function tlsWarnings(values: OptionValues, tls: TlsConfig): string[] {
  if (tls.mode !== 'acme' || !isLoopback(values.host)) return [];
  return [`An authority cannot reach this server on ${values.host} unless a proxy forwards to it. Use --host 0.0.0.0.`];
}

/** Whether only clients of this machine can connect to an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
