import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { parseAlternativeNames } from './alternative-names.ts';

/** A file of certificates cannot be used as a chain. The message completes "The certificate <path> ...". */
export class ChainError extends Error {
  override readonly name = 'ChainError';
}

const beginning = '-----BEGIN CERTIFICATE-----';
const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM file, in its order. Throws ChainError if one of them is incomplete or broken. */
export function parseChain(pem: string): X509Certificate[] {
  const blocks = pem.match(block) ?? [];
  if (blocks.length < pem.split(beginning).length - 1)
    throw new ChainError('ends inside a certificate: it is half written');
  try {
    return blocks.map((text) => new X509Certificate(text));
  } catch (error) {
    throw new ChainError(`is broken (${(error as Error).message})`, { cause: error });
  }
}

/**
 * Throws ChainError if the certificates do not sign each other in order, or if an intermediate certificate is missing
 * that clients do not have. Clients have the roots of public authorities. They were given the root of a private
 * authority, so it need not be in the file. An intermediate certificate counts as missing if it was in `before`, the
 * chain used until now, or if the last certificate says where to fetch it, as certificates of public authorities do.
 */
export function checkChain(chain: readonly X509Certificate[], before: readonly X509Certificate[] | null): void {
  for (const [index, certificate] of chain.entries()) {
    const issuer = chain[index + 1];
    if (issuer !== undefined && !signedBy(certificate, issuer)) {
      throw new ChainError(
        `is followed by a certificate that did not sign it: ${nameOf(certificate)} needs ${issuerOf(certificate)} next, ` +
          `but ${nameOf(issuer)} follows`,
      );
    }
  }
  const last = chain.at(-1);
  if (last === undefined || isSelfSigned(last) || isPublicRoot(last.issuer)) return;
  const had = before?.some((certificate) => certificate.subject === last.issuer) ?? false;
  const fetchable = last.infoAccess?.includes('CA Issuers') ?? false;
  if (had || fetchable) {
    throw new ChainError(`lacks the intermediate certificate ${issuerOf(last)}: use the full chain (fullchain.pem)`);
  }
}

function signedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer;
}

/** Whether Node, and so probably every client, has a root with this subject. */
function isPublicRoot(subject: string): boolean {
  return rootCertificates.some((pem) => new X509Certificate(pem).subject === subject);
}

export function nameOf(certificate: X509Certificate): string {
  return oneLine(certificate.subject);
}

function issuerOf(certificate: X509Certificate): string {
  return oneLine(certificate.issuer);
}

function oneLine(name: string): string {
  return `'${name.replaceAll('\n', ', ')}'`;
}

/** The DNS names and IP addresses of a certificate. Browsers ignore the common name. */
export function namesOf(certificate: X509Certificate): string[] {
  return parseAlternativeNames(certificate.subjectAltName)
    .filter(({ kind }) => kind === 'DNS' || kind === 'IP Address')
    .map(({ value }) => value);
}
