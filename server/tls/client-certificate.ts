import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { parseAlternativeNames } from './alternative-names.ts';

/** The relevant fields of a client certificate. */
export interface ClientCertificate {
  /**
   * The first e-mail address, else the first URI, else the first common name; null if the certificate has none of them.
   */
  readonly userId: string | null;
  /** The first common name. */
  readonly name: string | null;
  /** In milliseconds since 1970. */
  readonly untilMs: number;
  /** Why the certificate is not trusted; null if a configured authority has signed it. */
  readonly problem: string | null;
}

/** The certificate of a client; null if the client has sent none or was not asked for one. */
export function clientCertificateOf(socket: Socket): ClientCertificate | null {
  if (!(socket instanceof TLSSocket)) return null;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return null;
  const { authorized, authorizationError } = socket;
  const problem = authorized ? null : String(authorizationError ?? 'not verified');
  return { ...subjectOf(certificate), untilMs: Date.parse(certificate.validTo), problem };
}

/**
 * Reads the attributes of the subject from the parsed structure. The text form (`X509Certificate.subject`) escapes
 * commas and other characters, so that the same user would have another id than in a revocation list.
 */
export function subjectOf(certificate: X509Certificate): Pick<ClientCertificate, 'userId' | 'name'> {
  const { CN } = certificate.toLegacyObject().subject;
  // An attribute that occurs several times is an array.
  const name = [CN].flat()[0] || null;
  const alternatives = parseAlternativeNames(certificate.subjectAltName);
  const first = (kind: 'email' | 'URI'): string | undefined =>
    alternatives.find((alternative) => alternative.kind === kind && alternative.value !== '')?.value;
  return { userId: first('email') ?? first('URI') ?? name, name };
}
