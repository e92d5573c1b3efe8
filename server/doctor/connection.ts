import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { presentedBy, refusalOf } from './certificate-verdict.ts';
import { asksForCertificate, isCertificateWanted } from './client-certificate-probe.ts';
import { SilenceError } from './deadline.ts';
import { dial, dialTls, firstBytes, owned, printable } from './dial.ts';
import type { Examination, HostAddress } from './examination.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import { certificateName } from './target.ts';

/** A connection failed, or its peer cannot be trusted. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly finding: Finding;

  constructor(cause: Finding) {
    super(cause.code);
    this.finding = cause;
  }
}

/**
 * Connects to an address of the target. With TLS, it checks that clients accept the peer's certificate, so a token may
 * be sent over the connection. Rejects with ConnectionError.
 */
export async function openConnection(examination: Examination, address: HostAddress): Promise<Socket> {
  const { target, deps } = examination;
  if (!target.secure) return owned(examination, await openTcp(examination, address));
  const socket = owned(examination, await openTls(examination, address));
  const presented = presentedBy(socket);
  const refusal = presented === null ? finding('tls-no-cipher') : refusalOf(presented, target, deps.now());
  if (refusal === null) return socket;
  socket.destroy();
  throw new ConnectionError(refusal);
}

async function openTcp({ target, deps }: Examination, address: HostAddress): Promise<Socket> {
  try {
    return await dial(address.address, target.port, deps.stepTimeoutMs);
  } catch (error) {
    throw new ConnectionError(unreached(address, target.port, failureOf(address, error)));
  }
}

/** A TLS connection to a peer with any certificate. Rejects with ConnectionError if the handshake fails. */
export async function openTls(examination: Examination, address: HostAddress): Promise<TLSSocket> {
  const { target, deps } = examination;
  try {
    return await dialTls(target, address.address, deps.stepTimeoutMs);
  } catch (error) {
    throw new ConnectionError(await handshakeFailed(examination, address, error));
  }
}

/** Why an address does not answer. */
export interface Failure {
  readonly address: HostAddress;
  readonly kind: 'refused' | 'timeout' | 'unreachable';
  readonly reason: string;
}

export function failureOf(address: HostAddress, error: unknown): Failure {
  const { code = '' } = error as NodeJS.ErrnoException;
  if (error instanceof SilenceError || code === 'ETIMEDOUT') return { address, kind: 'timeout', reason: 'no answer' };
  if (code === 'ECONNREFUSED' || code === 'ECONNRESET') return { address, kind: 'refused', reason: 'refused' };
  return { address, kind: 'unreachable', reason: code };
}

export function unreached({ address }: HostAddress, port: number, { kind, reason }: Failure): Finding {
  const facts = { address, port, reason };
  if (kind === 'refused') return finding('tcp-refused', facts);
  return finding(kind === 'timeout' ? 'tcp-timeout' : 'tcp-unreachable', facts);
}

/** The finding for an error of the TLS handshake. */
async function handshakeFailed(examination: Examination, address: HostAddress, error: unknown): Promise<Finding> {
  const { target, deps } = examination;
  const facts = { host: certificateName(target), port: target.port, seconds: deps.stepTimeoutMs / 1000 };
  if (error instanceof SilenceError) return finding('tls-silent', facts);
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/.test(code)) return finding('tls-too-old', facts);
  if (/NO_APPLICATION_PROTOCOL/.test(code)) return finding('tls-alpn', facts);
  // Caddy sends the alert internal_error if it has no certificate for a name.
  if (/UNRECOGNIZED_NAME|ALERT_INTERNAL_ERROR/.test(code)) return finding('tls-name-refused', facts);
  if (isCertificateWanted(error as NodeJS.ErrnoException)) return finding('tls-client-certificate', facts);
  if (/HANDSHAKE_FAILURE/.test(code)) {
    // With TLS 1.2, OpenSSL also sends this alert if it gets no client certificate.
    const wanted = await asksForCertificate(examination, address);
    return finding(wanted ? 'tls-client-certificate' : 'tls-no-cipher', facts);
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH|HTTP_REQUEST|BAD_RECORD|INVALID_/.test(code)) {
    return notTls(examination, address);
  }
  if (code === 'ECONNREFUSED') return unreached(address, target.port, failureOf(address, error));
  if (code === 'ECONNRESET' || code === 'EPIPE' || message === 'closed') return finding('tls-cut', facts);
  return finding('tls-handshake', { ...facts, reason: code || message });
}

async function notTls({ target, deps }: Examination, { address }: HostAddress): Promise<Finding> {
  let socket: Socket | null = null;
  try {
    socket = await dial(address, target.port, deps.stepTimeoutMs / 2);
    socket.write(`GET / HTTP/1.1\r\nHost: ${certificateName(target)}\r\nConnection: close\r\n\r\n`);
    const bytes = await firstBytes(socket, deps.stepTimeoutMs / 2);
    if (bytes.toString('latin1').startsWith('HTTP/1.')) return finding('tls-plain-http', { port: target.port });
    return finding('tls-not-tls', { port: target.port, beginning: printable(bytes) });
  } catch {
    return finding('tls-not-tls', { port: target.port, beginning: '' });
  } finally {
    socket?.destroy();
  }
}
