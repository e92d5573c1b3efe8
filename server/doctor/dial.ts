import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls, rootCertificates } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { inTime } from './deadline.ts';
import type { Target } from './target.ts';

/** A TCP connection. Rejects with the error of the system, or SilenceError. */
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

/** A TLS connection to whoever is there, trusted or not. Rejects with the error of OpenSSL, or SilenceError. */
export async function dialTls(target: Target, address: string, timeoutMs: number): Promise<TLSSocket> {
  const tls = connectTls({
    socket: await dial(address, target.port, timeoutMs),
    host: target.host,
    ...(isIP(target.host) === 0 ? { servername: target.host } : {}),
    ...(target.ca === null ? {} : { ca: withPublic(target.ca) }),
    // What browsers offer for a WebSocket.
    ALPNProtocols: ['http/1.1'],
    // Whom to trust is for the caller to judge.
    rejectUnauthorized: false,
  });
  try {
    await inTime(timeoutMs, settled(tls, 'secureConnect'));
    return tls;
  } catch (error) {
    tls.destroy();
    throw error;
  }
}

/** An own authority comes beside the public ones, not in their place. */
export function withPublic(ca: string): string[] {
  return [...rootCertificates, ca];
}

function settled(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once(event, () => resolve());
    // Stays: what goes wrong later is seen by who reads.
    socket.on('error', reject);
    socket.once('close', () => reject(new Error('closed')));
  });
}

/** The first bytes that come; empty if the other side hangs up. Rejects with SilenceError or the socket's error. */
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

/** How a protocol introduces itself, for people. */
export function printable(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replaceAll(/[^ -~]+/g, '.')
    .slice(0, 40);
}
