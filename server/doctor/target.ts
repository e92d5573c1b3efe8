import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext, rootCertificates } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { isLoopbackAddress } from '../limits/ip-address.ts';
import { newScratchName } from '../net/scratch-name.ts';

/** What the doctor looks at: the URL of a document, as an editor would open it. */
export interface Target {
  readonly secure: boolean;
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** Up to the document: `/sync/`. A guess where the path has no `/sync/`. */
  readonly folder: string;
  /** As in the URL, slashes included; null if it names none. */
  readonly document: string | null;
  /** The path of the URL; if that names no document, of a new one. */
  readonly path: string;
  /** The parameters of the URL as they stand there, but for the token: empty, or with a question mark. */
  readonly query: string;
  readonly token: string | null;
  /** The token stands in the URL, and nowhere else. */
  readonly tokenInUrl: boolean;
  /** The page that a browser would connect from; null for a client that is no browser. */
  readonly origin: string | null;
  /** Authorities to trust beside the public ones, PEM. */
  readonly ca: string | null;
  /** For TLS with those authorities; null for the ones of Node. It takes 20 ms to make, so all connections share it. */
  readonly trust: SecureContext | null;
  /** Where to connect to instead of looking the host up. */
  readonly address: string | null;
}

export interface TargetOptions {
  readonly token?: string | null;
  readonly origin?: string | null;
  readonly ca?: string | null;
  readonly address?: string | null;
}

/** The URL or an option makes no sense. The message says what to write instead. */
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

/** `/sync` and `/sync/` name no document; `/sync/a`, `/collab/sync/a` and `/sync/a/b` do. Elsewhere it is the last part. */
function split(path: string): { folder: string; document: string | null } {
  const [, folder = '/', document = ''] =
    /^(.*?\/sync\/)(.*)$/.exec(path.replace(/\/sync$/, '/sync/')) ?? /^(.*\/)([^/]*)$/.exec(path) ?? [];
  return { folder, document: document || null };
}

/** Parameters keep their order and their encoding: a gateway may compare them byte by byte. */
function parametersOf(search: string): string {
  const kept = search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '' && !new URLSearchParams(pair).has('token'));
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** As a browser writes it: without path. Applications outside of browsers have schemes of their own. */
function originOf(text: string | null): string | null {
  if (text === null || text === 'null') return text;
  const url = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.host === '') {
    throw new TargetError(`--origin ${text} is not an origin: write the address of the page, https://app.example.org.`);
  }
  return `${url.protocol}//${url.host}`;
}

/** The certificates of a PEM file. Throws TargetError if it has none, or a broken one. */
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

/** An authority of `--ca` comes beside the public ones, not in their place. */
function trusting(ca: string): SecureContext {
  return createSecureContext({ ca: [...rootCertificates, ca] });
}

/** A shorter token is no secret, and may be part of any word. */
const minSecretLength = 8;

/** Text of a peer, which may repeat the URL, without the token. */
export function withoutToken(text: string, { token }: Target): string {
  if (token === null || token.length < minSecretLength) return text;
  return text.replaceAll(token, '…').replaceAll(encodeURIComponent(token), '…');
}

/** As it stands in a Host header. */
export function hostHeader({ host, port, secure }: Target): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (secure ? 443 : 80) ? name : `${name}:${port}`;
}

/** The host as certificates have it: a name may end in a dot in a URL. */
export function certificateName({ host }: Target): string {
  return host.replace(/\.$/, '');
}

/** Whether browsers take the host of a URL, without brackets, for this machine. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/\.$/, '');
  if (isIP(name) !== 0) return isLoopbackAddress(name);
  return name === 'localhost' || name.endsWith('.localhost');
}
