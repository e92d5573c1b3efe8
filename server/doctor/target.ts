import { newScratchName } from '../scratch-name.ts';

/** What the doctor looks at: the URL of a document, as an editor would open it. */
export interface Target {
  readonly secure: boolean;
  /** A name or an address, without brackets. */
  readonly host: string;
  readonly port: number;
  /** With the query, and the token in it. */
  readonly path: string;
  /** Up to the document: `/sync/`. */
  readonly folder: string;
  /** As in the URL; null if it names none. */
  readonly document: string | null;
  readonly token: string | null;
  /** The page that a browser would connect from; null for a client that is no browser. */
  readonly origin: string | null;
  /** Authorities to trust beside the public ones, PEM. */
  readonly ca: string | null;
  /** Where to connect to instead of looking the host up. */
  readonly address: string | null;
}

export interface TargetOptions {
  readonly token?: string | null;
  readonly origin?: string | null;
  readonly ca?: string | null;
  readonly address?: string | null;
}

/** The URL makes no sense. The message says what to write instead. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
}

/** Reads the URL of a document or of a server. Throws TargetError. */
export function parseTarget(text: string, options: TargetOptions = {}): Target {
  if (!/^wss?:\/\//i.test(text) || !URL.canParse(text)) {
    throw new TargetError(`'${text}' is no URL of a sync server: write it as wss://host/sync/document.`);
  }
  const url = new URL(text);
  const token = options.token ?? url.searchParams.get('token');
  if (token !== null) url.searchParams.set('token', token);
  const secure = url.protocol === 'wss:';
  // `/sync` and `/sync/` name no document, `/sync/a` and `/collab/sync/a` do.
  const [, folder, document] = /^(.*\/)([^/]*)$/.exec(url.pathname.replace(/\/sync$/, '/sync/'))!;
  return {
    secure,
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    path: `${folder}${document || newScratchName()}${url.search}`,
    folder: folder!,
    document: document || null,
    token,
    origin: options.origin ?? null,
    ca: options.ca ?? null,
    address: options.address ?? null,
  };
}

/** The same server, another document. */
export function pathOf(target: Target, document: string): string {
  return `${target.folder}${document}${target.token === null ? '' : `?token=${encodeURIComponent(target.token)}`}`;
}

/** As it stands in a Host header. */
export function hostHeader({ host, port, secure }: Target): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === (secure ? 443 : 80) ? name : `${name}:${port}`;
}
