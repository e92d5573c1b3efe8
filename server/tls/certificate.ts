import { createPrivateKey } from 'node:crypto';
import type { KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { ValidityPeriod } from './certificate-health.ts';
import { readTextFile } from '../files/read-file.ts';
import { ChainError, checkChain, nameOf, namesOf, parseChain } from './certificate-chain.ts';

/** A chain has about 10 KB, and a key less. */
const maxFileBytes = 1024 * 1024;

/** A certificate with its chain and its key, PEM. */
export interface Credentials {
  readonly cert: string;
  readonly key: string;
}

/** Credentials that clients can accept, with their parsed fields. */
export interface Certificate extends Credentials, ValidityPeriod {
  /** DNS names and addresses as they stand in the certificate: `example.org`, `*.example.org`. */
  readonly names: readonly string[];
  /** SHA-256 of the leaf. */
  readonly fingerprint: string;
  /** The leaf first. */
  readonly chain: readonly X509Certificate[];
  /** Self-signed, and served only until the first real certificate has been obtained. */
  readonly isPlaceholder: boolean;
}

/** The certificate cannot be used. The message is meant for the operator and says what to do. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** A certificate of the chain is not valid yet: the clocks of its issuer and of this machine differ. */
export class NotYetValidError extends CertificateError {
  /** When the whole chain is valid, in milliseconds since 1970. */
  readonly fromMs: number;

  constructor(message: string, fromMs: number) {
    super(message);
    this.fromMs = fromMs;
  }
}

/**
 * Reads a certificate and its key, and checks that clients could accept them now: the key belongs to the certificate,
 * the chain is complete, the dates are valid, and there are names. At least one name must be in `before`, the
 * certificate served until now. Throws CertificateError.
 */
export function readCertificate(
  certPath: string,
  keyPath: string,
  nowMs: number,
  before: Certificate | null = null,
): Certificate {
  const credentials = { cert: read(certPath, 'certificate'), key: read(keyPath, 'key') };
  return checkCertificate(credentials, { certPath, keyPath }, nowMs, before);
}

/** The same for credentials that have been read already. The paths are for the messages. Throws CertificateError. */
export function checkCertificate(
  { cert, key }: Credentials,
  { certPath, keyPath }: { readonly certPath: string; readonly keyPath: string },
  nowMs: number,
  before: Certificate | null,
): Certificate {
  // Called every minute, nearly always with the same credentials. The comparison with all public roots takes 20 ms.
  if (before !== null && before.cert === cert && before.key === key) return before;
  const chain = chainOf(cert, certPath, before);
  const leaf = chain[0]!;
  if (!leaf.checkPrivateKey(parseKey(key, keyPath))) {
    throw new CertificateError(
      `The key ${keyPath} does not belong to the certificate ${certPath}, whose subject is ${nameOf(leaf)}. ` +
        'The certificate of the server must be the first in its file, before those that signed it.',
    );
  }
  checkDates(chain, certPath, nowMs);
  const certificate = describe({ cert, key }, chain);
  checkNames(certificate, certPath, before);
  checkUsable(certificate, certPath);
  return certificate;
}

/** Parses credentials that this server has made itself, without checks. */
export function parseCertificate(credentials: Credentials): Certificate {
  return describe(credentials, parseChain(credentials.cert));
}

function describe(credentials: Credentials, chain: readonly X509Certificate[]): Certificate {
  const leaf = chain[0]!;
  return {
    ...credentials,
    names: namesOf(leaf),
    notBeforeMs: Date.parse(leaf.validFrom),
    notAfterMs: Date.parse(leaf.validTo),
    fingerprint: leaf.fingerprint256,
    chain,
    isPlaceholder: false,
  };
}

function read(path: string, what: string): string {
  try {
    return readTextFile(path, maxFileBytes);
  } catch (error) {
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such file',
      EACCES: 'this user may not read it',
    };
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new CertificateError(`The ${what} ${path} cannot be read: ${reasons[code] ?? message}.`, { cause: error });
  }
}

function chainOf(pem: string, path: string, before: Certificate | null): X509Certificate[] {
  try {
    const chain = parseChain(pem);
    if (chain.length === 0) {
      const hint = pem.includes('PRIVATE KEY')
        ? ' It holds a key: --tls-cert and --tls-key may be the wrong way round.'
        : '';
      throw new CertificateError(`The file ${path} holds no certificate in PEM format.${hint}`);
    }
    checkChain(chain, before?.chain ?? null);
    return chain;
  } catch (error) {
    if (error instanceof ChainError) {
      throw new CertificateError(`The certificate ${path} ${error.message}.`, { cause: error });
    }
    throw error;
  }
}

function parseKey(pem: string, path: string): KeyObject {
  try {
    return createPrivateKey(pem);
  } catch (error) {
    if (pem.includes('ENCRYPTED')) {
      throw new CertificateError(`The key ${path} is protected by a passphrase: store it without one.`, {
        cause: error,
      });
    }
    throw new CertificateError(`The file ${path} holds no private key in PEM format.`, { cause: error });
  }
}

function checkDates(chain: readonly X509Certificate[], path: string, nowMs: number): void {
  for (const certificate of chain) {
    const which = certificate === chain[0] ? `The certificate ${path}` : `${nameOf(certificate)}, in ${path},`;
    if (Date.parse(certificate.validTo) <= nowMs) {
      throw new CertificateError(`${which} expired on ${certificate.validTo}: renew it.`);
    }
    if (Date.parse(certificate.validFrom) > nowMs) {
      throw new NotYetValidError(
        `${which} is not valid before ${certificate.validFrom}: check the clock of this machine.`,
        Math.max(...chain.map(({ validFrom }) => Date.parse(validFrom))),
      );
    }
  }
}

function checkNames({ names }: Certificate, path: string, before: Certificate | null): void {
  if (names.length === 0) {
    throw new CertificateError(
      `The certificate ${path} has no host name as a subject alternative name, the only place where browsers look: have it issued with one.`,
    );
  }
  // The operator may add or remove a name. A certificate without any common name is probably for another server.
  if (before !== null && !names.some((name) => before.names.includes(name))) {
    throw new CertificateError(
      `The certificate ${path} is for ${names.join(', ')}, and the certificate in use is for ${before.names.join(', ')}: ` +
        'they have no name in common. Restart the server if that is intended.',
    );
  }
}

/** Applies OpenSSL's own requirements, such as the length of a key. */
function checkUsable(credentials: Credentials, path: string): void {
  try {
    createSecureContext({ cert: credentials.cert, key: credentials.key });
  } catch (error) {
    throw new CertificateError(`The certificate ${path} cannot be served: ${(error as Error).message}.`, {
      cause: error,
    });
  }
}
