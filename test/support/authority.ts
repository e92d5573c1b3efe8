import { writeFileSync } from 'node:fs';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { bitString, boolean, objectId, sequence, tagged } from '../../server/tls/der.ts';
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

  intermediate(name = 'Test intermediate', dates: { fromMs?: number; toMs?: number } = {}): Authority {
    const subject = { commonName: name, unit: 'test' };
    const issuerKey = createPrivateKey(this.#issued.key);
    const extensions = authorityExtensions();
    return new Authority(
      subject,
      issue(subject, generateKey(), this.#subject, issuerKey, period(dates.fromMs, dates.toMs), extensions),
    );
  }

  /** The leaf alone; its chain is for whoever serves it to add. */
  leaf({
    names = ['localhost', '127.0.0.1'],
    fetchable = false,
    commonName = 'leaf',
    keyType = 'ec',
    rsaBits = 2_048,
    extensions: further = [],
    ...dates
  }: LeafOptions = {}): Pair {
    const extensions = [extension('2.5.29.19', true, sequence()), ...further];
    if (names.length > 0) extensions.push(extension('2.5.29.17', false, sequence(...names.map(generalName))));
    if (fetchable) extensions.push(authorityInfoAccess);
    const subject = { commonName, unit: 'test' };
    const issuerKey = createPrivateKey(this.#issued.key);
    const key = keyType === 'ec' ? generateKey() : generateKeyPairSync('rsa', { modulusLength: rsaBits }).privateKey;
    return issue(subject, key, this.#subject, issuerKey, period(dates.fromMs, dates.toMs), extensions);
  }
}

/** A certificate that nobody has signed but itself. */
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

function authorityExtensions(): Uint8Array[] {
  return [
    extension('2.5.29.19', true, sequence(boolean(true))),
    // keyCertSign and cRLSign.
    extension('2.5.29.15', true, bitString(Uint8Array.of(0x06), 1)),
  ];
}

function period(fromMs = Date.now() - dayMs, toMs = Date.now() + 90 * dayMs): { fromMs: number; toMs: number } {
  return { fromMs, toMs };
}
