import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { httpStatus, RefusedError } from '../errors.ts';
import type { RefusalCode } from '../errors.ts';

/** How long a client may take to read the response and to hang up, in milliseconds. */
export const lingerMs = 2_000;
/** The same for a client whose request was already too slow. */
const lateLingerMs = 500;

/** Parser errors of Node that have a status of their own. All others mean that the input is not HTTP. */
const parserRefusals: Readonly<Record<string, RefusalCode>> = {
  HPE_HEADER_OVERFLOW: 'headers-too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request-timeout',
};

/** Error codes of Node's parser and of its deadlines. Other codes belong to the socket or to a failed TLS handshake. */
const httpError = /^(HPE|ERR_HTTP)_/;

/**
 * Sends a refusal as an HTTP response and ends the socket. The socket is destroyed when the client hangs up, or after a
 * moment. Destroying it right after the write would reset it, and the client would not see why it was refused.
 */
export function refuseSocket(socket: Duplex, refusal: RefusedError, headers: readonly string[] = []): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(refusalResponse(refusal, headers));
  endUnlessHungUp(socket, refusal.code === 'request-timeout' ? lateLingerMs : lingerMs);
}

/**
 * Refuses input that cannot be read as a request. `error` is what Node's server emitted as `clientError`. Returns the
 * refusal; null if the error is not about HTTP or the client cannot receive a response.
 */
export function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): RefusedError | null {
  if (!httpError.test(error.code ?? '') || !socket.writable) {
    socket.destroy();
    return null;
  }
  const refusal = new RefusedError(parserRefusals[error.code ?? ''] ?? 'bad-request');
  refuseSocket(socket, refusal);
  return refusal;
}

/** The text of an HTTP response that ends its connection. */
export function refusalResponse(refusal: RefusedError, headers: readonly string[] = []): string {
  const status = httpStatus(refusal.code);
  const body = JSON.stringify({ error: refusal.code, reason: refusal.message });
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...(refusal.retryAfterSeconds === null ? [] : [`Retry-After: ${refusal.retryAfterSeconds}`]),
    ...headers,
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

/** Destroys a socket that has been ended, unless its client hangs up within `withinMs`. */
export function endUnlessHungUp(socket: Duplex, withinMs: number): void {
  const linger = setTimeout(() => socket.destroy(), withinMs);
  socket.once('close', () => clearTimeout(linger));
  // Drops further input. A socket that is not read does not notice that its client hangs up.
  socket.resume();
}
