import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { RefusedError } from '../errors.ts';
import { lingerMs, refusalResponse } from './refusals.ts';

/** The errors of OpenSSL for a first record that is not TLS. It knows GET, POST, PUT, HEAD and CONNECT, but no other method. */
const notTls: ReadonlySet<string | undefined> = new Set([
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_HTTPS_PROXY_REQUEST',
  'ERR_SSL_WRONG_VERSION_NUMBER',
]);

/** A TCP socket below TLS, with Node's handle. */
interface RawSocket extends Socket {
  readonly _handle?: { readStop?(): void } | null;
}

interface TlsOverSocket extends TLSSocket {
  readonly _parent?: RawSocket | null;
}

/**
 * Answers a client that speaks plain HTTP to a port with TLS, after its handshake has failed with `error`. Returns the refusal
 * that the client is sent; null for a handshake that failed in another way, which gets no answer.
 *
 * OpenSSL finds these clients by their first bytes, so a client that speaks TLS costs nothing more.
 */
export function answerPlainHttp(error: NodeJS.ErrnoException, tls: TlsOverSocket): RefusedError | null {
  const raw = tls._parent;
  // A client that has been sent a TLS record would not read the answer as HTTP.
  if (!raw || !notTls.has(error.code) || raw.destroyed || raw.bytesWritten > 0) return null;
  const sentence = `port ${raw.localPort} speaks TLS: use https:// (or wss://) instead of http:// (or ws://)`;
  const refusal = new RefusedError('bad-request', sentence);
  outliveTls(raw);
  raw.on('error', () => raw.destroy());
  raw.end(refusalResponse(refusal));
  const linger = setTimeout(() => raw.destroy(), lingerMs);
  raw.once('close', () => clearTimeout(linger));
  return refusal;
}

/**
 * Keeps a socket open when its TLS socket destroys it, later in this turn. A client that sends more than one packet would be
 * reset, and might lose the answer. Its further packets stay in the kernel.
 */
function outliveTls(raw: RawSocket): void {
  raw._handle?.readStop?.();
  raw.destroy = () => {
    Reflect.deleteProperty(raw, 'destroy');
    return raw;
  };
}
