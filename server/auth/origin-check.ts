import { isIP } from 'node:net';
import type { OriginRule } from '../config/auth.ts';
import { RefusedError } from '../errors.ts';

/**
 * Throws RefusedError 'forbidden' for a page that may not connect. A client that sends no origin is not a browser, so
 * no page can use its user's network through it. With authentication on it needs a token like every other client.
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

/** Avoids `URL.canParse`: once optimized, it returns true in Node 20 for strings that `new URL` rejects. */
function parse(origin: string): URL | null {
  try {
    return new URL(origin);
  } catch {
    return null;
  }
}

/** A URL omits the default port; a Host header may include it. */
function isHost(url: URL, host: string | undefined): boolean {
  if (url.host === host) return true;
  return url.port === '' && `${url.host}:${url.protocol === 'https:' ? 443 : 80}` === host;
}

/** Takes the host of a URL, with IPv6 in brackets. */
function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0;
}

/** Takes an address, or the host of a URL with IPv6 in brackets. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  return (
    bare === 'localhost' ||
    bare.endsWith('.localhost') ||
    bare === '::1' ||
    (isIP(bare) === 4 && bare.startsWith('127.'))
  );
}
