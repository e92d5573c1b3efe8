import { dialTls, firstBytes } from './dial.ts';
import type { Examination, HostAddress } from './examination.ts';

/**
 * Whether the server asks clients for a certificate. Node does not report that, and TLS 1.3 encrypts the request. But
 * OpenSSL has signature algorithms in common with a server only after that server has asked for a certificate. They are
 * read when keys are derived, because a TLS 1.2 server that insists then ends the handshake.
 */
export async function asksForCertificate({ target, deps }: Examination, { address }: HostAddress): Promise<boolean> {
  let asks = false;
  try {
    const socket = await dialTls(target, address, deps.stepTimeoutMs / 2, (tls) => {
      tls.on('keylog', () => {
        asks ||= tls.getSharedSigalgs().length > 0;
      });
    });
    socket.destroy();
  } catch {
    // The server has asked before it ended the handshake.
  }
  return asks;
}

/** Error codes of OpenSSL for the alerts of a server that gets no certificate. Go and Java send the second. */
const refusals = /CERTIFICATE_REQUIRED|BAD_CERTIFICATE/;

/** Whether an error says that the server refuses a client without a certificate. */
export function isCertificateWanted({ code = '' }: NodeJS.ErrnoException): boolean {
  return refusals.test(code);
}

/**
 * Whether the server refuses a client without a certificate. With TLS 1.3 its alert comes after the handshake. A client
 * that has sent a request by then may see only a reset, so this one sends nothing and reads.
 */
export async function insistsOnCertificate({ target, deps }: Examination, address: HostAddress): Promise<boolean> {
  try {
    const socket = await dialTls(target, address.address, deps.stepTimeoutMs / 2);
    try {
      await firstBytes(socket, deps.stepTimeoutMs / 2);
    } finally {
      socket.destroy();
    }
    return false;
  } catch (error) {
    return isCertificateWanted(error as NodeJS.ErrnoException);
  }
}
