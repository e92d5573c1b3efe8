import { writeFileSync } from 'node:fs';
import { createPrivateKey, generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { join } from 'node:path';
import { bitString, boolean, integer, objectId, sequence, tagged } from '../../server/tls/der.ts';
import { extension, generalName, generateKey, issue } from '../../server/tls/issue-certificate.ts';
import type { DistinguishedName, Issued } from '../../server/tls/issue-certificate.ts';

const dayMs = 86_400_000;

export interface LeafOptions {
  /** What it is for; none leaves the extension out. */
  readonly names?: readonly string[];
  /** Since 1970; by default from yesterday until in 90 days. */
  readonly fromMs?: number;
  readonly toMs?: number;
  /** Says where its issuer's certificate can be fetched, as those of public authorities do. */
  readonly fetchable?: boolean;
  readonly commonName?: string;
  /** `ec` unless told. */
  readonly keyType?: 'ec' | 'rsa';
  /** The length of an RSA key. */
  readonly rsaBits?: number;
  /** Further extensions. */
  readonly extensions?: readonly Uint8Array[];
  /** SHA-256 unless told. */
  readonly signedWith?: 'sha1';
}

export interface IntermediateOptions extends Pick<LeafOptions, 'fromMs' | 'toMs' | 'signedWith'> {
  /** How many further authorities may stand below it; any number unless told. */
  readonly pathLength?: number;
}

export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** An authority as test peers need it: signs leaves and further authorities, with any dates and names. */
export class Authority {
  readonly #subject: DistinguishedName;
  readonly #issued: Issued;

  static root(name = 'Test root'): Authority {
    const subject = { commonName: name, unit: 'test' };
    const key = generateKey();
    return new Authority(subject, issue(subject, key, subject, key, period(), authorityExtensions()));
  }

  private constructor(subject: DistinguishedName, issued: Issued) {
    this.#subject = subject;
    this.#issued = issued;
  }

  get cert(): string {
    return this.#issued.cert;
  }

  get key(): string {
    return this.#issued.key;
  }

  intermediate(name = 'Test intermediate', options: IntermediateOptions = {}): Authority {
    const { fromMs, toMs, pathLength, signedWith } = options;
    const subject = { commonName: name, unit: 'test' };
    const issuerKey = createPrivateKey(this.#issued.key);
    const extensions = authorityExtensions(pathLength);
    const issued = issue(subject, generateKey(), this.#subject, issuerKey, period(fromMs, toMs), extensions);
    return new Authority(subject, signedWith === 'sha1' ? withSha1(issued, issuerKey) : issued);
  }

  /** Returns the leaf without its chain. */
  leaf({
    names = ['localhost', '127.0.0.1'],
    fetchable = false,
    commonName = 'leaf',
    keyType = 'ec',
    rsaBits = 2_048,
    extensions: further = [],
    signedWith,
    ...dates
  }: LeafOptions = {}): Pair {
    const extensions = [extension('2.5.29.19', true, sequence()), ...further];
    if (names.length > 0) extensions.push(extension('2.5.29.17', false, sequence(...names.map(generalName))));
    if (fetchable) extensions.push(authorityInfoAccess);
    const subject = { commonName, unit: 'test' };
    const issuerKey = createPrivateKey(this.#issued.key);
    const key = keyType === 'ec' ? generateKey() : generateKeyPairSync('rsa', { modulusLength: rsaBits }).privateKey;
    const issued = issue(subject, key, this.#subject, issuerKey, period(dates.fromMs, dates.toMs), extensions);
    return signedWith === 'sha1' ? withSha1(issued, issuerKey) : issued;
  }
}

/** The same certificate, signed with ECDSA and SHA-1. */
function withSha1({ cert, key }: Issued, issuerKey: KeyObject): Issued {
  const algorithm = sequence(objectId('1.2.840.10045.4.1'));
  const [signed] = childrenOf(new X509Certificate(cert).raw) as [Buffer];
  const [version, serialNumber, , ...rest] = childrenOf(signed) as [Buffer, Buffer, ...Buffer[]];
  const toBeSigned = sequence(version, serialNumber, algorithm, ...rest);
  const certificate = sequence(toBeSigned, algorithm, bitString(sign('sha1', toBeSigned, issuerKey)));
  return { cert: new X509Certificate(certificate).toString(), key };
}

/** The elements inside a DER element. */
function childrenOf(element: Buffer): Buffer[] {
  const children: Buffer[] = [];
  let [start] = contentOf(element, 0);
  while (start < element.length) {
    const [, end] = contentOf(element, start);
    children.push(element.subarray(start, end));
    start = end;
  }
  return children;
}

/** Where the content of the element at `at` begins and ends. */
function contentOf(bytes: Buffer, at: number): [start: number, end: number] {
  const length = bytes.readUInt8(at + 1);
  if (length < 0x80) return [at + 2, at + 2 + length];
  const start = at + 2 + (length & 0x7f);
  return [start, start + bytes.readUIntBE(at + 2, length & 0x7f)];
}

/** A self-signed certificate. */
export function selfSigned(names: readonly string[] = ['localhost', '127.0.0.1']): Pair {
  const subject = { commonName: 'self', unit: 'test' };
  const key = generateKey();
  const extensions = [extension('2.5.29.17', false, sequence(...names.map(generalName)))];
  return issue(subject, key, subject, key, period(), extensions);
}

/** Writes a pair as `<name>.pem` and `<name>-key.pem`. */
export function writePair(folder: string, name: string, { cert, key }: Pair): { certPath: string; keyPath: string } {
  const paths = { certPath: join(folder, `${name}.pem`), keyPath: join(folder, `${name}-key.pem`) };
  writeFileSync(paths.certPath, cert);
  writeFileSync(paths.keyPath, key);
  return paths;
}

const authorityInfoAccess = extension(
  '1.3.6.1.5.5.7.1.1',
  false,
  sequence(sequence(objectId('1.3.6.1.5.5.7.48.2'), tagged(6, false, Buffer.from('http://ca.test/issuer.der')))),
);

function authorityExtensions(pathLength?: number): Uint8Array[] {
  const limit = pathLength === undefined ? [] : [integer(Uint8Array.of(pathLength))];
  return [
    extension('2.5.29.19', true, sequence(boolean(true), ...limit)),
    // keyCertSign and cRLSign.
    extension('2.5.29.15', true, bitString(Uint8Array.of(0x06), 1)),
  ];
}

function period(fromMs = Date.now() - dayMs, toMs = Date.now() + 90 * dayMs): { fromMs: number; toMs: number } {
  return { fromMs, toMs };
}
