import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { RefusedError } from '../errors.ts';
import { lingerMs, refusalResponse } from './refusals.ts';

/** OpenSSL's errors for a first record that is not TLS. It recognizes only GET, POST, PUT, HEAD and CONNECT. */
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
 * Answers a client that speaks plain HTTP to a port with TLS, after its handshake has failed with `error`. Returns the
 * refusal that the client is sent. Returns null, and sends nothing, if the handshake failed in another way.
 *
 * OpenSSL detects these clients by their first bytes, so there is no extra cost for clients that speak TLS.
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
 * Keeps a socket open although its TLS socket destroys it later in this turn. Otherwise a client that sends more than
 * one packet would be reset, and might lose the response. Its further packets stay in the kernel.
 */
function outliveTls(raw: RawSocket): void {
  raw._handle?.readStop?.();
  raw.destroy = () => {
    Reflect.deleteProperty(raw, 'destroy');
    return raw;
  };
}
