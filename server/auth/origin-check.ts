import { isIP } from 'node:net';
import { RefusedError } from '../errors.ts';

/** Which pages may connect: those that any of these allows. */
export interface OriginRule {
  /** Lower case; `*` allows every page. */
  readonly origins: readonly string[];
  /** Pages that came from the host and port that they connect to. */
  readonly sameHost: boolean;
  /** The same, but only if the host is an IP address: a name that another person controls cannot be behind it. */
  readonly sameAddress?: boolean;
  /** Pages of this machine, whatever their port: the dev server of a frontend. */
  readonly loopback: boolean;
}

/**
 * Throws RefusedError 'forbidden' for a page that may not connect. A client that sends no origin is not a browser: no
 * page can borrow its user's network, and where authentication is on it needs a token like every other client.
 */
export function checkOrigin(rule: OriginRule, origin: string | undefined, host: string | undefined): void {
  if (origin === undefined) return;
  if (rule.origins.includes('*') || rule.origins.includes(origin.toLowerCase())) return;
  const url = parse(origin);
  if (rule.loopback && url !== null && isLoopback(url.hostname)) return;
  if (url !== null && (rule.sameHost || (rule.sameAddress === true && isAddress(url.hostname)))) {
    if (isHost(url, host?.toLowerCase())) return;
  }
  throw new RefusedError('forbidden', 'pages of this origin may not connect; see --allowed-origins');
}

/** Not by `URL.canParse`: once it is hot, Node 20 says yes to what `new URL` throws for. */
function parse(origin: string): URL | null {
  try {
    return new URL(origin);
  } catch {
    return null;
  }
}

/** URL leaves a default port out; a Host header may have it. */
function isHost(url: URL, host: string | undefined): boolean {
  if (url.host === host) return true;
  return url.port === '' && `${url.host}:${url.protocol === 'https:' ? 443 : 80}` === host;
}

/** The host of a URL, where IPv6 stands in brackets. */
function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

/** Takes an address, or the host of a URL, where IPv6 stands in brackets. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return (
    bare === 'localhost' ||
    bare.endsWith('.localhost') ||
    bare === '::1' ||
    (isIP(bare) === 4 && bare.startsWith('127.'))
  );
}
