import type { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { certificateHealth } from '../tls/certificate-health.ts';
import { finding } from './finding.ts';
import type { Finding } from './finding.ts';
import { authoritiesOf, certificateName } from './target.ts';
import type { Target } from './target.ts';

const dayMs = 86_400_000;

/** The certificates that a server sent in the TLS handshake. */
export interface Presented {
  readonly leaf: X509Certificate;
  /** All other certificates that it sent, in the order of the handshake. */
  readonly others: readonly X509Certificate[];
  /** The code of OpenSSL for why it does not trust the leaf; null if it does. */
  readonly problem: string | null;
}

/**
 * The certificates that the server has sent, without any that the client knows itself; null if the server has sent
 * none. Call it once per socket: Node 20 and 22 remove the certificates from the connection when they return them.
 */
export function presentedBy(socket: TLSSocket): Presented | null {
  const leaf = socket.getPeerX509Certificate();
  if (leaf === undefined) return null;
  const others: X509Certificate[] = [];
  // `issuerCertificate` is the next certificate of the handshake, even if it did not issue this one.
  for (let next = leaf.issuerCertificate; next !== undefined; next = next.issuerCertificate) others.push(next);
  // The type says Error, but the value is an error code.
  return { leaf, others, problem: (socket.authorizationError as unknown as string | null) ?? null };
}

/** Common names in the placeholder certificates of proxies. */
const placeholders = /Kubernetes Ingress Controller Fake Certificate|TRAEFIK DEFAULT CERT|snakeoil|Plesk|cPanel/i;
/** The certificate that Quire serves until ACME has obtained the first one. */
const quirePlaceholder = /^CN=Quire placeholder/m;
const developmentAuthority = 'Quire development CA';
/** The names of Let's Encrypt's test authorities, those of today and those before 2021. */
const staging = /\(STAGING\)|Fake LE (Intermediate|Root)/;
/** Apple, "Requirements for trusted certificates in iOS 13 and macOS 10.15". */
const appleMaxDays = 825;
const minRsaBits = 2048;
/** OIDs of sha1WithRSAEncryption and ecdsa-with-SHA1, DER. */
const sha1Signatures = ['06092a864886f70d010105', '06072a8648ce3d0401'].map((hex) => Buffer.from(hex, 'hex'));
/** The signature algorithm follows the version and the serial number, within this many bytes. */
const algorithmWithinBytes = 64;

/** Why browsers, phones or Node clients refuse the certificate; null if all of them accept it. */
export function refusalOf(presented: Presented, target: Target, nowMs: number): Finding | null {
  const { leaf, problem } = presented;
  const host = certificateName(target);
  const facts = {
    host,
    port: target.port,
    issuer: commonName(leaf.issuer),
    names: namesOf(leaf),
    subject: commonName(leaf.subject),
  };
  if (quirePlaceholder.test(leaf.subject)) return finding('tls-acme-pending', facts);
  if (problem !== null && placeholders.test(leaf.subject)) return finding('tls-default-certificate', facts);
  // Problems of the chain first, because OpenSSL compares the name only if it trusts the chain.
  switch (problem) {
    case null:
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      break;
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return badDates(presented, target, nowMs);
    case 'INVALID_PURPOSE':
      return finding('tls-purpose', facts);
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return finding('tls-self-signed', facts);
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
    case 'CERT_SIGNATURE_FAILURE':
      return untrusted(presented, target);
    default:
      return weakness(presented) ?? finding('tls-untrusted', { ...facts, reason: problem });
  }
  const hasNames = /\b(DNS|IP Address):/.test(leaf.subjectAltName ?? '');
  if (!hasNames) return finding('tls-common-name', facts);
  if (!isFor(leaf, host)) return finding(isIP(host) === 0 ? 'tls-wrong-name' : 'tls-address', facts);
  return weakness(presented);
}

/** Warnings about a certificate that will expire soon, or that some clients refuse. */
export function doubtsAbout({ leaf }: Presented, nowMs: number): readonly Finding[] {
  const period = { notBeforeMs: Date.parse(leaf.validFrom), notAfterMs: Date.parse(leaf.validTo) };
  const doubts: Finding[] = [];
  if (certificateHealth(period, nowMs) !== 'good') {
    const days = Math.floor((period.notAfterMs - nowMs) / dayMs);
    doubts.push(finding('tls-expires-soon', { date: day(period.notAfterMs), days }));
  }
  const days = Math.ceil((period.notAfterMs - period.notBeforeMs) / dayMs);
  if (days > appleMaxDays) doubts.push(finding('tls-long-lived', { days, max: appleMaxDays }));
  return doubts;
}

/**
 * Whether the certificate is for this host. As in browsers, the common name does not count, and `*` is a whole label.
 */
function isFor(leaf: X509Certificate, host: string): boolean {
  if (isIP(host) !== 0) return leaf.checkIP(host) !== undefined;
  return leaf.checkHost(host, { subject: 'never', partialWildcards: false }) !== undefined;
}

function weakness({ leaf, others }: Presented): Finding | null {
  for (const certificate of [leaf, ...others]) {
    const subject = commonName(certificate.subject);
    const bits = certificate.publicKey.asymmetricKeyDetails?.modulusLength ?? minRsaBits;
    if (certificate.publicKey.asymmetricKeyType === 'rsa' && bits < minRsaBits) {
      return finding('tls-weak', { subject, reason: `an RSA key of ${bits} bits` });
    }
    const beginning = certificate.raw.subarray(0, algorithmWithinBytes);
    const isRoot = certificate.subject === certificate.issuer;
    if (!isRoot && sha1Signatures.some((algorithm) => beginning.includes(algorithm))) {
      return finding('tls-weak', { subject, reason: 'a signature with SHA-1' });
    }
  }
  return null;
}

function untrusted({ leaf, others }: Presented, { ca, host, port }: Target): Finding {
  const last = endOfPath(leaf, others);
  const issuer = commonName(last.issuer);
  const facts = { host, port, issuer, subject: commonName(leaf.subject) };
  if ([leaf, ...others].some((one) => staging.test(`${one.subject}\n${one.issuer}`))) {
    return finding('tls-staging', facts);
  }
  const given = ca === null ? [] : authoritiesOf(ca);
  if (given.some((authority) => authority.subject === last.issuer)) return finding('tls-other-authority', facts);
  if (issuer === developmentAuthority) return finding('tls-development', facts);
  const isRoot = last.subject === last.issuer;
  // Public authorities write into a certificate where that of its issuer can be fetched.
  const isPublic = others.length === 0 && (leaf.infoAccess?.includes('CA Issuers') ?? false);
  const isOwn = given.some((authority) => soundAlike(last.issuer, authority.subject));
  return finding(!isRoot && (isPublic || isOwn) ? 'tls-missing-intermediate' : 'tls-private-authority', facts);
}

/** Follows the issuers from the leaf as far as the server has sent them. Returns the last one. */
function endOfPath(leaf: X509Certificate, others: readonly X509Certificate[]): X509Certificate {
  const rest = new Set(others);
  let last = leaf;
  for (;;) {
    const current = last;
    const issuer = [...rest].find((other) => current.checkIssued(other) && current.verify(other.publicKey));
    if (issuer === undefined || issuer.subject === current.subject) return last;
    rest.delete(issuer);
    last = issuer;
  }
}

/** Words that appear in the names of many authorities. */
const common = /^(ca|cert|certificate|certification|certificates|authority|root|intermediate|issuing|sub|the|of|\d+)$/;
const intermediate = /intermediate|issuing|subordinate|signing|\bsub\b/i;

/**
 * Whether the names of two authorities suggest that they belong together: the same organization, or a common word that
 * is not in many such names. A name that says only "intermediate" fits every authority.
 */
function soundAlike(one: string, other: string): boolean {
  const organization = /^O=(.*)$/m.exec(one)?.[1];
  if (organization !== undefined && organization === /^O=(.*)$/m.exec(other)?.[1]) return true;
  const words = ownWords(one);
  const others = ownWords(other);
  if (words.length === 0 || others.length === 0) return intermediate.test(commonName(one));
  return words.some((word) => others.includes(word));
}

function ownWords(name: string): readonly string[] {
  return commonName(name)
    .toLowerCase()
    .split(/[^\p{L}\d]+/u)
    .filter((word) => word.length > 1 && !common.test(word));
}

function badDates({ leaf, others }: Presented, { ca }: Target, nowMs: number): Finding {
  const isBad = (one: X509Certificate): boolean =>
    Date.parse(one.validFrom) > nowMs || Date.parse(one.validTo) <= nowMs;
  // Servers need not send the root.
  const roots = ca === null ? [] : authoritiesOf(ca);
  const bad = [leaf, ...others, ...roots].find(isBad) ?? leaf;
  const facts = { subject: commonName(bad.subject) };
  if (Date.parse(bad.validFrom) > nowMs) return finding('tls-not-yet-valid', { ...facts, date: bad.validFrom });
  return finding(bad === leaf ? 'tls-expired' : 'tls-chain-expired', { ...facts, date: bad.validTo });
}

export function commonName(name: string): string {
  return /^CN=(.*)$/m.exec(name)?.[1] ?? name.replaceAll('\n', ', ');
}

export function namesOf(leaf: X509Certificate): string {
  return (leaf.subjectAltName ?? '').replaceAll(/DNS:|IP Address:/g, '') || 'no name at all';
}

export function day(timeMs: number): string {
  return Number.isNaN(timeMs) ? 'an unknown day' : new Date(timeMs).toISOString().slice(0, 10);
}
