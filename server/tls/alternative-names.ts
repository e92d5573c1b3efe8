/** One subject alternative name of a certificate. */
interface AlternativeName {
  /** As Node prints it: `DNS`, `IP Address`, `email`, `URI` and others. */
  readonly kind: string;
  readonly value: string;
}

/** Node quotes a value that contains a comma, a quote or a control character, as a JSON string. */
const entry = /(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)/g;

/** Parses `X509Certificate.subjectAltName`. Keeps the order of the certificate. */
export function parseAlternativeNames(text: string | undefined): AlternativeName[] {
  return [...(text ?? '').matchAll(entry)].map(([, kind = '', value = '']) => ({
    kind,
    value: value.startsWith('"') ? (JSON.parse(value) as string) : value,
  }));
}
