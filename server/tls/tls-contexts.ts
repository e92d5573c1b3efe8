import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions, TLSSocket } from 'node:tls';
import type { Credentials } from './certificate.ts';
import { namesOf, parseChain } from './certificate-chain.ts';
import { issue } from './issue-certificate.ts';

/** A certificate with the properties that select it for a client. */
interface Candidate {
  readonly credentials: Credentials;
  /** In lower case. */
  readonly names: readonly string[];
  /** `ec` or `rsa`, for example. OpenSSL holds one certificate of each key type in a context. */
  readonly keyType: string | undefined;
}

/**
 * The contexts of a TLS server. A client gets a certificate with the name that it asks for (SNI), or else the first
 * one. If certificates for a name have keys of different types (ECDSA and RSA), OpenSSL chooses by the algorithms that
 * the client offers. If several have the same key type, the first is used.
 */
export class TlsContexts {
  /**
   * The same for all certificates until the process ends, so that clients can resume a session after a renewal. Node
   * alone also keeps its ticket keys that long.
   */
  readonly #shared: SecureContextOptions = {
    minVersion: 'TLSv1.2',
    ticketKeys: randomBytes(48),
  };
  #clientCa: string | null;
  #default: SecureContextOptions;
  #byName: ReadonlyMap<string, readonly SecureContext[]>;

  /** `clientCa`: the authorities of client certificates, PEM; null if none are requested. */
  constructor(certificates: readonly Credentials[], clientCa: string | null = null) {
    this.#clientCa = clientCa;
    [this.#default, this.#byName] = this.#build(certificates);
  }

  /** The options for clients that ask for no name, or for a name without a certificate. */
  get defaultOptions(): SecureContextOptions {
    return this.#default;
  }

  /** Replaces all certificates. Throws and changes nothing if OpenSSL refuses one of them. */
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
   * The `SNICallback` of a server, with the socket as `this`. Node sets one certificate of a context on a socket, so
   * those of other key types are set here.
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
    // A TLS session remembers that its client certificate was verified, so it must not be resumed under other
    // authorities.
    const sessionIdContext = createHash('sha256').update(this.#clientCa).digest('hex').slice(0, 32);
    return { ...this.#shared, cert, key, ca: this.#clientCa, sessionIdContext };
  }
}

/**
 * Replaces the ECDSA certificate on a socket for a name that has none. OpenSSL never serves it: no signature algorithm
 * of TLS 1.3 uses its curve, and TLS 1.2 clients do not list the curve among their groups.
 */
function decoyContext(): SecureContext {
  const key = generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey;
  const subject = { commonName: 'Quire: no certificate with an ECDSA key for this name', unit: 'Quire' };
  return createSecureContext(issue(subject, key, subject, key, { fromMs: 0, toMs: 0 }, []));
}

function hasKeyType(group: readonly Candidate[], keyType: string): boolean {
  return group.some((candidate) => candidate.keyType === keyType);
}

/** Throws if OpenSSL refuses the certificate, even if no client would be served with it. */
function candidateOf(credentials: Credentials): Candidate {
  createSecureContext({ cert: credentials.cert, key: credentials.key });
  const [leaf] = parseChain(credentials.cert);
  if (leaf === undefined) throw new Error('there is no certificate in PEM format');
  const names = namesOf(leaf).map((name) => name.toLowerCase());
  return { credentials, names, keyType: leaf.publicKey.asymmetricKeyType };
}

/** The certificates for a name. Those with exactly this name come before those with a wildcard. */
function groupFor(name: string, candidates: readonly Candidate[]): Candidate[] {
  const holders = (held: string): Candidate[] => candidates.filter(({ names }) => names.includes(held));
  return firstOfEachKeyType([...holders(name), ...holders(wildcardOf(name))]);
}

function firstOfEachKeyType(candidates: readonly Candidate[]): Candidate[] {
  return candidates.filter(
    ({ keyType }, index) => candidates.findIndex((candidate) => candidate.keyType === keyType) === index,
  );
}

/** The wildcard for a name: `*.example.org` for `docs.example.org`. */
function wildcardOf(name: string): string {
  return name.replace(/^[^.]+/, '*');
}
