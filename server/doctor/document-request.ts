/** The parts of a request for a document that depend on the token: the path and the subprotocols. */
import { tokenMarker } from '../net/token-source.ts';
import type { Examination, HostAddress } from './examination.ts';
import { isLoopback } from './target.ts';

/** RFC 9110, 5.6.2: the characters of a subprotocol. */
const httpToken = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

/**
 * Whether the token may be sent to these addresses: over TLS, where each connection verifies the certificate, or to
 * this machine.
 */
export function mayShowToken({ target }: Examination, addresses: readonly HostAddress[]): boolean {
  return target.token !== null && (target.secure || addresses.every(({ address }) => isLoopback(address)));
}

/**
 * Whether the token can be sent as a subprotocol, which stays out of access logs. A token of the URL stays in the URL.
 */
export function fitsProtocol({ token, tokenInUrl }: Examination['target']): boolean {
  return token !== null && !tokenInUrl && token !== tokenMarker && httpToken.test(token);
}

/** The subprotocols to offer. */
export function tokenProtocols({ target, tokenWay }: Examination): readonly string[] {
  return tokenWay === 'protocol' && target.token !== null ? [tokenMarker, target.token] : [];
}

/** The request target for a document: path, parameters of the URL, and the token if it is sent in the query. */
export function pathTo({ target, folder, tokenWay }: Examination, document: string): string {
  const path = document === target.document ? target.path : `${folder ?? target.folder}${document}`;
  return withQuery(path, target.query, tokenWay === 'query' ? target.token : null);
}

/** The request target for the path of the URL. */
export function ownPath({ target, tokenWay }: Examination): string {
  return withQuery(target.path, target.query, tokenWay === 'query' ? target.token : null);
}

function withQuery(path: string, query: string, token: string | null): string {
  if (token === null) return `${path}${query}`;
  return `${path}${query}${query === '' ? '?' : '&'}token=${encodeURIComponent(token)}`;
}
