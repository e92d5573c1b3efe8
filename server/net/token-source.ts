import type { IncomingHttpHeaders } from 'node:http';

/**
 * A client offers this subprotocol together with the token. The server selects it, so that it does not echo the token.
 */
export const tokenMarker = 'quire';

/**
 * The token of a request to join. In order of preference:
 * - `Sec-WebSocket-Protocol: quire, <token>`, the only way that keeps a browser's token out of access logs
 * - `Authorization: Bearer <token>`, for programs
 * - `?token=<token>`, from `params` of the y-websocket provider
 *
 * Null if there is none.
 */
export function tokenOf(headers: IncomingHttpHeaders, params: URLSearchParams): string | null {
  return (
    fromProtocols(headers['sec-websocket-protocol']) ?? fromAuthorization(headers.authorization) ?? fromParams(params)
  );
}

function fromProtocols(header: string | undefined): string | null {
  const offered = header?.split(',').map((protocol) => protocol.trim()) ?? [];
  if (!offered.includes(tokenMarker)) return null;
  return offered.find((protocol) => protocol !== tokenMarker && protocol !== '') ?? null;
}

function fromAuthorization(header: string | undefined): string | null {
  return /^Bearer +(\S+)$/i.exec(header ?? '')?.[1] ?? null;
}

function fromParams(params: URLSearchParams): string | null {
  return params.get('token') || null;
}
