import { X509Certificate, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Credentials } from './listener.ts';

/** The certificate cannot be used. The message is for people, and says what to do. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** Reads a certificate and its key, and checks that clients could accept them now. Throws CertificateError. */
export function readCertificate(certPath: string, keyPath: string, nowMs: number): Credentials {
  const cert = read(certPath, 'certificate');
  const key = read(keyPath, 'key');
  const parsed = parseCertificate(cert, certPath);
  if (!parsed.checkPrivateKey(parseKey(key, keyPath))) {
    throw new CertificateError(
      `The key ${keyPath} does not belong to the certificate ${certPath}, whose subject is ${oneLine(parsed.subject)}. ` +
        'The certificate of the server must be the first in its file, before those that signed it.',
    );
  }
  if (Date.parse(parsed.validTo) <= nowMs) {
    throw new CertificateError(`The certificate ${certPath} expired on ${parsed.validTo}: renew it.`);
  }
  if (Date.parse(parsed.validFrom) > nowMs) {
    throw new CertificateError(
      `The certificate ${certPath} is not valid before ${parsed.validFrom}: check the clock of this machine.`,
    );
  }
  return { cert, key };
}

function read(path: string, what: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such file',
      EACCES: 'this user may not read it',
      EISDIR: 'it is a folder',
    };
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new CertificateError(`The ${what} ${path} cannot be read: ${reasons[code] ?? message}.`, { cause: error });
  }
}

function parseCertificate(pem: string, path: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (error) {
    const hint = pem.includes('PRIVATE KEY')
      ? ' It holds a key: --tls-cert and --tls-key may be the wrong way round.'
      : '';
    throw new CertificateError(`The file ${path} holds no certificate in PEM format.${hint}`, { cause: error });
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

function oneLine(subject: string): string {
  return subject.replaceAll('\n', ', ');
}
