import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions, TLSSocket } from 'node:tls';
import type { Credentials } from './certificate.ts';
import { namesOf, parseChain } from './certificate-chain.ts';
import { issue } from './issue-certificate.ts';

/** A certificate, and what decides for which clients it is served. */
interface Candidate {
  readonly credentials: Credentials;
  /** In lower case. */
  readonly names: readonly string[];
  /** `ec` or `rsa`, for example. OpenSSL holds one certificate of each key type in a context. */
  readonly keyType: string | undefined;
}

/**
 * The certificates as a TLS server takes them. A client gets one that holds the name that it asks for (SNI), or else the
 * first. Of several for one name with keys of different types (ECDSA and RSA), OpenSSL chooses by the algorithms that the
 * client offers. Of several with the same key type the first counts.
 */
export class TlsContexts {
  /**
   * The same for every certificate that is ever served, so that clients can resume a session over a renewal. As long as
   * the process lives: so does Node by itself.
   */
  readonly #shared: SecureContextOptions = {
    minVersion: 'TLSv1.2',
    ticketKeys: randomBytes(48),
  };
  #clientCa: string | null;
  #default: SecureContextOptions;
  #byName: ReadonlyMap<string, readonly SecureContext[]>;

  /** `clientCa`: whose client certificates are believed, PEM; null if none are asked for. */
  constructor(certificates: readonly Credentials[], clientCa: string | null = null) {
    this.#clientCa = clientCa;
    [this.#default, this.#byName] = this.#build(certificates);
  }

  /** What serves clients that ask for no name, or for one that no certificate holds. */
  get defaultOptions(): SecureContextOptions {
    return this.#default;
  }

  /** Throws if OpenSSL takes one of them not; then nothing has changed. */
  replace(certificates: readonly Credentials[], clientCa: string | null = this.#clientCa): void {
    const before = this.#clientCa;
    this.#clientCa = clientCa;
    try {
      [this.#default, this.#byName] = this.#build(certificates);
    } catch (error) {
      this.#clientCa = before;
      throw error;
    }
  }

  /**
   * The `SNICallback` of a server, with the socket as `this`. Node gives a socket one certificate of a context; those of other
   * key types are set before.
   */
  get select() {
    const contextsOf = (name: string): readonly SecureContext[] =>
      this.#byName.get(name) ?? this.#byName.get(wildcardOf(name)) ?? [];
    return function (
      this: Pick<TLSSocket, 'setKeyCert'>,
      name: string,
      done: (error: Error | null, context?: SecureContext) => void,
    ): void {
      const contexts = contextsOf(name.toLowerCase());
      for (const context of contexts.slice(0, -1)) this.setKeyCert(context);
      done(null, contexts.at(-1));
    };
  }

  #build(certificates: readonly Credentials[]): [SecureContextOptions, ReadonlyMap<string, readonly SecureContext[]>] {
    const candidates = certificates.map(candidateOf);
    const [first] = candidates;
    if (first === undefined) throw new Error('TLS needs a certificate');
    const others = candidates.filter(({ names }) => names.some((name) => first.names.includes(name)));
    const byDefault = firstOfEachKeyType([first, ...others]);
    const byName = new Map<string, readonly SecureContext[]>();
    // With one certificate there is nothing to select; every client gets it.
    const names = certificates.length === 1 ? [] : candidates.flatMap((candidate) => candidate.names);
    const contexts = new Map(
      candidates.map((candidate) => [candidate, createSecureContext(this.#options([candidate]))]),
    );
    let made: SecureContext | null = null;
    const decoy = (): SecureContext => (made ??= decoyContext());
    for (const name of names) {
      const group = groupFor(name, candidates);
      const served = group.map((candidate) => contexts.get(candidate)!);
      // A socket keeps the certificate of the default that has another key type, and clients prefer ECDSA.
      const hides = hasKeyType(byDefault, 'ec') && !hasKeyType(group, 'ec');
      byName.set(name, hides ? [decoy(), ...served] : served);
    }
    return [this.#options(byDefault), byName];
  }

  #options(group: readonly Candidate[]): SecureContextOptions {
    const cert = group.map(({ credentials }) => credentials.cert);
    const key = group.map(({ credentials }) => credentials.key);
    if (this.#clientCa === null) return { ...this.#shared, cert, key };
    // A session remembers that its certificate was good: under other authorities it must not be resumed.
    const sessionIdContext = createHash('sha256').update(this.#clientCa).digest('hex').slice(0, 32);
    return { ...this.#shared, cert, key, ca: this.#clientCa, sessionIdContext };
  }
}

/**
 * Takes the place of an ECDSA certificate where there is none for a name. OpenSSL never serves it: its curve stands for no
 * signature algorithm of TLS 1.3, and TLS 1.2 clients do not list it among their groups.
 */
function decoyContext(): SecureContext {
  const key = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
  const subject = { commonName: 'Quire: no certificate with an ECDSA key for this name', unit: 'Quire' };
  return createSecureContext(issue(subject, key, subject, key, { fromMs: 0, toMs: 0 }, []));
}

function hasKeyType(group: readonly Candidate[], keyType: string): boolean {
  return group.some((candidate) => candidate.keyType === keyType);
}

/** Throws if OpenSSL does not take it. That is found out here also for a certificate that no client would be served. */
function candidateOf(credentials: Credentials): Candidate {
  createSecureContext({ cert: credentials.cert, key: credentials.key });
  const [leaf] = parseChain(credentials.cert);
  if (leaf === undefined) throw new Error('there is no certificate in PEM format');
  const names = namesOf(leaf).map((name) => name.toLowerCase());
  return { credentials, names, keyType: leaf.publicKey.asymmetricKeyType };
}

/** The certificates for a name: those that hold exactly this name come before those that hold it by a wildcard. */
function groupFor(name: string, candidates: readonly Candidate[]): Candidate[] {
  const holders = (held: string): Candidate[] => candidates.filter(({ names }) => names.includes(held));
  return firstOfEachKeyType([...holders(name), ...holders(wildcardOf(name))]);
}

function firstOfEachKeyType(candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(
    ({ keyType }, index) => candidates.findIndex((candidate) => candidate.keyType === keyType) === index,
  );
}

/** The wildcard that stands for a name: `*.example.org` for `docs.example.org`. */
function wildcardOf(name: string): string {
  return name.replace(/^[^.]+/, '*');
}
