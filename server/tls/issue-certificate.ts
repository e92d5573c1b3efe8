/**
 * Issues X.509 certificates (RFC 5280): an authority, and leaves for servers. ECDSA with P-256 and SHA-256.
 *
 * Two small files instead of a library: the libraries for Node have 3 MB in twenty packages, and do not support name
 * constraints. Only the encoding is done here; Node makes the keys and the signatures.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import type { KeyObject, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { bitString, boolean, integer, objectId, octetString, sequence, set, tagged, time, utf8String } from './der.ts';

export interface Issued {
  /** PEM. */
  readonly cert: string;
  /** PKCS #8, PEM. */
  readonly key: string;
}

export interface Validity {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The names that an authority may sign, each with its subdomains, and the IP addresses, as address and mask. */
export interface NameConstraints {
  readonly dnsNames: readonly string[];
  readonly networks: readonly { readonly address: string; readonly mask: string }[];
}

/** The subject or the issuer of a certificate. */
export interface DistinguishedName {
  readonly commonName: string;
  readonly unit: string;
}

const oid = {
  ecdsaWithSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  organizationalUnit: '2.5.4.11',
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  serverAuth: '1.3.6.1.5.5.7.3.1',
};

/** Bits of keyUsage: digitalSignature, and keyCertSign with cRLSign. */
const leafUsage = bitString(Uint8Array.of(0x80), 7);
const authorityUsage = bitString(Uint8Array.of(0x06), 1);

/**
 * Issues an authority that can sign only leaves for servers within its constraints: no clients, e-mail or authorities.
 */
export function issueAuthority(subject: DistinguishedName, constraints: NameConstraints, validity: Validity): Issued {
  const key = generateKey();
  return issue(subject, key, subject, key, validity, authorityExtensions(constraints));
}

/** Whether a certificate is an authority with exactly these constraints, as `issueAuthority` issues it. */
export function isAuthorityWith(certificate: X509Certificate, constraints: NameConstraints): boolean {
  return authorityExtensions(constraints).every((bytes) => certificate.raw.includes(Buffer.from(bytes)));
}

function authorityExtensions({ dnsNames, networks }: NameConstraints): Uint8Array[] {
  const permitted = [
    ...dnsNames.map((name) => sequence(generalName(name))),
    ...networks.map(({ address, mask }) => sequence(tagged(7, false, addressBytes(address), addressBytes(mask)))),
  ];
  return [
    extension(oid.basicConstraints, true, sequence(boolean(true), integer(Uint8Array.of(0)))),
    extension(oid.keyUsage, true, authorityUsage),
    extension(oid.extendedKeyUsage, false, sequence(objectId(oid.serverAuth))),
    extension(oid.nameConstraints, true, sequence(tagged(0, true, ...permitted))),
  ];
}

/** Issues a certificate for a server with these names and addresses. */
export function issueLeaf(
  authority: { readonly subject: DistinguishedName; readonly key: string },
  subject: DistinguishedName,
  names: readonly string[],
  validity: Validity,
): Issued {
  return issue(subject, generateKey(), authority.subject, createPrivateKey(authority.key), validity, [
    extension(oid.basicConstraints, true, sequence()),
    extension(oid.keyUsage, true, leafUsage),
    extension(oid.extendedKeyUsage, false, sequence(objectId(oid.serverAuth))),
    extension(oid.subjectAltName, false, sequence(...names.map(generalName))),
  ]);
}

/** Issues a certificate of any kind. The extensions define its use. */
export function issue(
  subject: DistinguishedName,
  key: KeyObject,
  issuer: DistinguishedName,
  issuerKey: KeyObject,
  validity: Validity,
  extensions: readonly Uint8Array[],
): Issued {
  const algorithm = sequence(objectId(oid.ecdsaWithSha256));
  const toBeSigned = sequence(
    tagged(0, true, integer(Uint8Array.of(2))),
    // Positive, and always 16 bytes.
    integer(Uint8Array.of(0x40, ...randomBytes(15))),
    algorithm,
    distinguishedName(issuer),
    sequence(time(validity.fromMs), time(validity.toMs)),
    distinguishedName(subject),
    publicKeyOf(key),
    tagged(
      3,
      true,
      sequence(
        ...extensions,
        extension(oid.subjectKeyId, false, octetString(keyId(key))),
        extension(oid.authorityKeyId, false, sequence(tagged(0, false, keyId(issuerKey)))),
      ),
    ),
  );
  const certificate = sequence(toBeSigned, algorithm, bitString(sign('sha256', toBeSigned, issuerKey)));
  const base64 = Buffer.from(certificate).toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`,
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

export function generateKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

function publicKeyOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

function keyId(key: KeyObject): Buffer {
  return createHash('sha1').update(publicKeyOf(key)).digest();
}

function distinguishedName({ commonName, unit }: DistinguishedName): Uint8Array {
  return sequence(attribute(oid.organizationalUnit, unit), attribute(oid.commonName, commonName));
}

function attribute(id: string, value: string): Uint8Array {
  return set(sequence(objectId(id), utf8String(value)));
}

export function extension(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return critical
    ? sequence(objectId(id), boolean(true), octetString(value))
    : sequence(objectId(id), octetString(value));
}

export function generalName(name: string): Uint8Array {
  return isIP(name) === 0 ? tagged(2, false, Buffer.from(name, 'ascii')) : tagged(7, false, addressBytes(name));
}

/** IPv4 in dots, or IPv6 in full or with one `::`. */
function addressBytes(address: string): Uint8Array {
  if (isIP(address) === 4) return Uint8Array.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const bytes = new Uint8Array(16);
  bytes.set(groupBytes(head));
  const end = groupBytes(tail);
  bytes.set(end, bytes.length - end.length);
  return bytes;
}

function groupBytes(groups: string): number[] {
  if (groups === '') return [];
  return groups.split(':').flatMap((group) => [parseInt(group, 16) >>> 8, parseInt(group, 16) & 0xff]);
}
