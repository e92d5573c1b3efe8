import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { inTime } from './deadline.ts';
import type { Examination } from './examination.ts';
import { certificateName } from './target.ts';
import type { Target } from './target.ts';

/** Opens a TCP connection. Rejects with the error of the system, or SilenceError. */
export async function dial(address: string, port: number, timeoutMs: number): Promise<Socket> {
  const socket = connect({ host: address, port });
  try {
    await inTime(timeoutMs, settled(socket, 'connect'));
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/**
 * Opens a TLS connection, also to a peer that is not trusted. `watch` gets the socket before the handshake. Rejects
 * with the error of OpenSSL, or SilenceError.
 */
export async function dialTls(
  target: Target,
  address: string,
  timeoutMs: number,
  watch: (tls: TLSSocket) => void = () => {},
): Promise<TLSSocket> {
  const startMs = performance.now();
  const socket = await dial(address, target.port, timeoutMs);
  const name = certificateName(target);
  const tls = connectTls({
    socket,
    host: name,
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(target.trust === null ? {} : { secureContext: target.trust }),
    // Browsers offer this for a WebSocket.
    ALPNProtocols: ['http/1.1'],
    // The caller decides whether to trust the peer.
    rejectUnauthorized: false,
  });
  tls.once('close', () => socket.destroy());
  watch(tls);
  try {
    await inTime(Math.max(1, timeoutMs - (performance.now() - startMs)), settled(tls, 'secureConnect'));
    return tls;
  } catch (error) {
    tls.destroy();
    throw error;
  }
}

/** Registers a socket, so that it is closed when the examination ends. */
export function owned<S extends Socket>(examination: Examination, socket: S): S {
  const { sockets } = examination;
  if (examination.ended) socket.destroy();
  else sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
  return socket;
}

function settled(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    // Never removed, so that a later error without another listener does not end the process.
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}

/** The first bytes received; empty if the peer closes first. Rejects with SilenceError or the error of the socket. */
export async function firstBytes(socket: Socket, timeoutMs: number): Promise<Buffer> {
  return inTime(
    timeoutMs,
    new Promise<Buffer>((resolve, reject) => {
      socket.once('data', resolve);
      socket.once('error', reject);
      socket.once('close', () => resolve(Buffer.alloc(0)));
    }),
  );
}

/** The beginning of a peer's answer in printable ASCII. */
export function printable(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replaceAll(/[^ -~]+/g, '.')
    .slice(0, 40);
}
