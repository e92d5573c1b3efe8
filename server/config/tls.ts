import { isIP } from 'node:net';
import { ConfigError } from './config-error.ts';
import type { OptionName, OptionValues } from './options.ts';
import { acmeDirectories, tlsOptions } from './tls-options.ts';

/** Files with a certificate and its key. */
export interface CertificatePaths {
  readonly certPath: string;
  readonly keyPath: string;
}

/** An authority that gives certificates to whoever answers for a name. */
export interface AcmeConfig {
  readonly domains: readonly string[];
  readonly email: string | null;
  readonly challenge: 'tls-alpn-01' | 'http-01';
  readonly directoryUrl: URL;
  readonly profile: string | null;
  /** A further root to trust for the directory; null if it needs none. */
  readonly caPath: string | null;
}

/** Where the certificate comes from. */
export type TlsConfig =
  | { readonly mode: 'dev' }
  | { readonly mode: 'files'; readonly pairs: readonly CertificatePaths[] }
  | { readonly mode: 'acme'; readonly acme: AcmeConfig }
  | { readonly mode: 'off' };

/** Certificates that clients show. */
export interface ClientCertificates {
  readonly caPath: string;
  /** Nobody opens a document without one. */
  readonly required: boolean;
}

/** What was written for an option, and where. */
export interface Given {
  readonly written: string;
  /** The flag or the variable. */
  readonly source: string;
}

type GivenOptions = ReadonlyMap<OptionName, Given>;

/** Throws ConfigError, as all that follow. */
export function tlsOf(values: OptionValues, given: GivenOptions): TlsConfig {
  const acme = acmeOf(values, given);
  const certPaths = values['tls-cert'];
  const keyPaths = values['tls-key'];
  if (certPaths === null && keyPaths === null && acme === null) return { mode: values.tls };
  const tls = given.get('tls');
  if (tls !== undefined) {
    throw new ConfigError(`${tls.source} and a certificate of your own exclude each other: leave one of them out.`);
  }
  if (acme !== null) {
    const other = given.get('tls-cert') ?? given.get('tls-key');
    if (other === undefined) return { mode: 'acme', acme };
    throw new ConfigError(
      `${other.source} and a certificate by ACME exclude each other: leave out one of them and what goes with it.`,
    );
  }
  if (certPaths === null) throw new ConfigError('A key without its certificate: give --tls-cert <file> too.');
  if (keyPaths === null) throw new ConfigError('A certificate without its key: give --tls-key <file> too.');
  if (certPaths.length !== keyPaths.length) {
    throw new ConfigError(
      `There are ${certPaths.length} certificates and ${keyPaths.length} keys: give one key for each, in the same order.`,
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
    throw new ConfigError(`${given.get(lonely)!.source} is about certificates by ACME: give --acme-domain <name> too.`);
  }
  if (!values['acme-agree-terms']) {
    throw new ConfigError(
      "--acme-domain needs --acme-agree-terms: read the authority's terms of service (Let's Encrypt: " +
        'https://letsencrypt.org/repository) and say that you agree.',
    );
  }
  if (values.ephemeral) {
    throw new ConfigError(
      '--ephemeral forgets the certificate at the end, and authorities give only a few a week: leave it out with --acme-domain.',
    );
  }
  const directory = given.get('acme-directory');
  if (values['acme-staging'] && directory !== undefined) {
    throw new ConfigError(`--acme-staging and ${directory.source} exclude each other: leave one of them out.`);
  }
  const challenge = values['acme-challenge'];
  if (challenge === 'http-01' && values['http-port'] === 'off') {
    throw new ConfigError('--acme-challenge http-01 needs --http-port 80: that is where the authority looks.');
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
    throw new ConfigError(`${lonely.source} is about client certificates: give --tls-client-ca <file> too.`);
  }
  if (tls.mode === 'off') {
    throw new ConfigError(
      '--tls-client-ca needs TLS here; with --tls off client certificates are for the proxy to check.',
    );
  }
  return { caPath, required: values['tls-client-auth'] === 'required' };
}

export function httpPortOf(values: OptionValues, tls: TlsConfig, given: GivenOptions): number | null {
  const httpPort = values['http-port'];
  if (httpPort === 'off') return null;
  needsCertificate(tls, given.get('http-port'));
  if (httpPort !== 0 && httpPort === values.port) {
    throw new ConfigError(`--port and --http-port are both ${httpPort}: choose another for one of them.`);
  }
  return httpPort;
}

export function hstsOf(values: OptionValues, tls: TlsConfig, given: GivenOptions): boolean {
  if (values.hsts) needsCertificate(tls, given.get('hsts'));
  return values.hsts;
}

/** With a certificate for development it would lock people out of their own machine; behind a proxy it is for the proxy. */
function needsCertificate(tls: TlsConfig, given: Given | undefined): void {
  if (tls.mode === 'files' || tls.mode === 'acme' || given === undefined) return;
  throw new ConfigError(
    `${given.source} needs a certificate of your own (--tls-cert, --tls-key)` +
      (tls.mode === 'off' ? '; with --tls off it is for the proxy to do.' : '.'),
  );
}

export function plainPortOf(values: OptionValues, tls: TlsConfig, given: GivenOptions): number | null {
  const plainPort = values['plain-port'];
  if (plainPort === 'off') return null;
  const source = given.get('plain-port')?.source;
  if (tls.mode === 'dev' && isLoopback(values.host)) {
    if (plainPort !== 0 && plainPort === values.port) {
      throw new ConfigError(`--port and --plain-port are both ${plainPort}: choose another for one of them.`);
    }
    return plainPort;
  }
  if (source === undefined) return null;
  throw new ConfigError(
    `${source} is for development, on a loopback address and without a certificate of your own: leave it out` +
      (tls.mode === 'off' ? '; with --tls off, --port is plain already.' : '.'),
  );
}

/** What is allowed but can hardly be meant. */
export function tlsWarnings(values: OptionValues, tls: TlsConfig): string[] {
  if (tls.mode !== 'acme' || !isLoopback(values.host)) return [];
  return [
    `On ${values.host} no authority can reach this server, unless something passes its connections on: give --host 0.0.0.0.`,
  ];
}

/** Whether only this machine can get to an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
