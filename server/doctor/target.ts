import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext, rootCertificates } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { isLoopbackAddress } from '../limits/ip-address.ts';
import { newScratchName } from '../net/scratch-name.ts';

/** The target of an examination: the URL of a document, as an editor would open it. */
export interface Target {
  readonly secure: boolean;
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** The path before the document, such as `/sync/`. A guess if the path has no `/sync/`. */
  readonly folder: string;
  /** The document, encoded as in the URL, slashes included. Null if the URL has none. */
  readonly document: string | null;
  /** The path of the URL. If the URL has no document, a path with a new scratch name. */
  readonly path: string;
  /** The parameters of the URL without the token, in their original order and encoding. Empty, or begins with `?`. */
  readonly query: string;
  readonly token: string | null;
  /** Whether the token comes from the URL. */
  readonly tokenInUrl: boolean;
  /** The origin of the page in a browser. Null for other clients. */
  readonly origin: string | null;
  /** Authorities to trust in addition to the public ones, PEM. */
  readonly ca: string | null;
  /** The TLS context with these authorities. Null for Node's own. Takes 20 ms to make, so all connections share it. */
  readonly trust: SecureContext | null;
  /** The address to connect to, in place of a lookup of the host. */
  readonly address: string | null;
}

export interface TargetOptions {
  readonly token?: string | null;
  readonly origin?: string | null;
  readonly ca?: string | null;
  readonly address?: string | null;
}

/** The URL or an option is invalid. The message says what to write instead. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
}

/** Reads the URL of a document or of a server. Throws TargetError. */
export function parseTarget(text: string, options: TargetOptions = {}): Target {
  if (!/^wss?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new TargetError(`'${text}' is not the URL of a sync server: write it as wss://host/sync/document.`);
  }
  const url = new URL(text);
  const secure = url.protocol === 'wss:';
  const inUrl = url.searchParams.get('token');
  const { folder, document } = split(url.pathname);
  if (options.ca !== undefined && options.ca !== null) authoritiesOf(options.ca);
  return {
    secure,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    folder,
    document,
    path: `${folder}${document ?? newScratchName()}`,
    query: parametersOf(url.search),
    token: options.token ?? inUrl,
    tokenInUrl: inUrl !== null && (options.token ?? inUrl) === inUrl,
    origin: originOf(options.origin ?? null),
    ca: options.ca ?? null,
    trust: secure && options.ca ? trusting(options.ca) : null,
    address: options.address ?? null,
  };
}

/**
 * Without a document: `/sync`, `/sync/`. With one: `/sync/a`, `/collab/sync/a`, `/sync/a/b`. Otherwise the last
 * segment.
 */
function split(path: string): { folder: string; document: string | null } {
  const [, folder = '/', document = ''] =
    /^(.*?\/sync\/)(.*)$/.exec(path.replace(/\/sync$/, '/sync/')) ?? /^(.*\/)([^/]*)$/.exec(path) ?? [];
  return { folder, document: document || null };
}

/** Keeps the order and the encoding of the parameters, because a gateway may compare them byte by byte. */
function parametersOf(search: string): string {
  const kept = search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && !new URLSearchParams(pair).has('token'));
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** The origin as a browser sends it, without a path. Applications outside of browsers use their own schemes. */
function originOf(text: string | null): string | null {
  if (text === null || text === 'null') return text;
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.host === '') {
    throw new TargetError(`--origin ${text} is not an origin: write the address of the page, https://app.example.org.`);
  }
  return `${url.protocol}//${url.host}`;
}

/** The certificates of a PEM file. Throws TargetError if there are none, or if one cannot be read. */
export function authoritiesOf(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN (TRUSTED |X509 )?CERTIFICATE-----[^]*?-----END \1CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0) {
    const isKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem);
    throw new TargetError(
      `The file of --ca has no certificate in PEM form${isKey ? ', but a key' : ''}: ` +
        'give the certificate of the authority (-----BEGIN CERTIFICATE-----).',
    );
  }
  try {
    return blocks.map((block) => new X509Certificate(block));
  } catch (error) {
    throw new TargetError(`A certificate in the file of --ca is broken: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}

/** Trusts the authority of `--ca` in addition to the public ones. */
function trusting(ca: string): SecureContext {
  return createSecureContext({ ca: [...rootCertificates, ca] });
}

/** A shorter token is not a secret, and may be part of a word. */
const minSecretLength = 8;

/** Removes the token from the text of a peer, which may repeat the URL. */
export function withoutToken(text: string, { token }: Target): string {
  if (token === null || token.length < minSecretLength) return text;
  return text.replaceAll(token, '…').replaceAll(encodeURIComponent(token), '…');
}

/** The value of the Host header. */
export function hostHeader({ host, port, secure }: Target): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (secure ? 443 : 80) ? name : `${name}:${port}`;
}

/** The host as it is in certificates. In a URL a name may end in a dot. */
export function certificateName({ host }: Target): string {
  return host.replace(/\.$/, '');
}

/** Whether browsers treat the host of a URL, without brackets, as this machine. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/\.$/, '');
  if (isIP(name) !== 0) return isLoopbackAddress(name);
  return name === 'localhost' || name.endsWith('.localhost');
}
