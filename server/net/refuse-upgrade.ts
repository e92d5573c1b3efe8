import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { httpStatus } from '../errors.ts';
import type { RefusedError } from '../errors.ts';

/** How long a client may take to read the answer and to hang up, in milliseconds. */
export const lingerMs = 2_000;
/** The same for a client that was too slow already. */
const lateLingerMs = 500;

/**
 * Answers an upgrade with an HTTP response and ends the socket: at once if the client hangs up, else after a moment.
 * Destroying it right after the write would be a reset, and the client would never see why it was refused.
 */
export function refuseUpgrade(socket: Duplex, refusal: RefusedError, headers: readonly string[] = []): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(refusalAnswer(refusal, headers));
  endUnlessHungUp(socket, refusal.code === 'request-timeout' ? lateLingerMs : lingerMs);
}

/** The HTTP answer to a client whose connection ends with it. */
export function refusalAnswer(refusal: RefusedError, headers: readonly string[] = []): string {
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

/** Destroys a socket that has been ended, unless its client hangs up within this time. */
export function endUnlessHungUp(socket: Duplex, withinMs: number): void {
  const linger = setTimeout(() => socket.destroy(), withinMs);
  socket.once('close', () => clearTimeout(linger));
  // Input that still comes is dropped. A socket that is not read does not notice that its client hangs up.
  socket.resume();
}
