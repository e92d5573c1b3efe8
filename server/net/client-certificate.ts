import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

/** What a client's certificate says. */
export interface ClientCertificate {
  /** Who it is: the first e-mail address, else the first URI, else the common name; null if it has none of them. */
  readonly userId: string | null;
  /** The common name. */
  readonly name: string | null;
  /** In milliseconds since 1970. */
  readonly untilMs: number;
  /** Why it is not to be believed; null if one of our authorities has signed it. */
  readonly problem: string | null;
}

/** Null if the client has shown none, or was not asked for one. */
export function clientCertificateOf(socket: Socket): ClientCertificate | null {
  if (!(socket instanceof TLSSocket)) return null;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return null;
  const { authorized, authorizationError } = socket;
  const problem = authorized ? null : String(authorizationError ?? 'not verified');
  return { ...subjectOf(certificate), untilMs: Date.parse(certificate.validTo), problem };
}

export function subjectOf({
  subject,
  subjectAltName = '',
}: X509Certificate): Pick<ClientCertificate, 'userId' | 'name'> {
  const name = /^CN=(.*)$/m.exec(subject)?.[1] ?? null;
  return { userId: nameOf(subjectAltName, 'email') ?? nameOf(subjectAltName, 'URI') ?? name, name };
}

/** Node quotes a name that holds a comma or the like, so that it cannot pass for two. */
const entry = /(?:^|, )(email|URI|[A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)/g;

function nameOf(names: string, kind: 'email' | 'URI'): string | null {
  const value = [...names.matchAll(entry)].find((match) => match[1] === kind)?.[2];
  if (value === undefined || value === '') return null;
  return value.startsWith('"') ? (JSON.parse(value) as string) : value;
}
