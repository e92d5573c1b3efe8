import { createHash, randomBytes } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { SecureContext, SecureContextOptions } from 'node:tls';
import type { Credentials } from './certificate.ts';
import { namesOf, parseChain } from './certificate-chain.ts';

/** The certificates as a TLS server takes them: the first by default, the others for the names that they hold (SNI). */
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
  #byName: ReadonlyMap<string, SecureContext>;

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

  /** The `SNICallback` of a server. */
  readonly select = (name: string, done: (error: Error | null, context?: SecureContext) => void): void => {
    const asked = name.toLowerCase();
    done(null, this.#byName.get(asked) ?? this.#byName.get(asked.replace(/^[^.]+/, '*')));
  };

  #build(certificates: readonly Credentials[]): [SecureContextOptions, ReadonlyMap<string, SecureContext>] {
    const first = certificates[0];
    if (first === undefined) throw new Error('TLS needs a certificate');
    const byName = new Map<string, SecureContext>();
    // With one certificate there is nothing to select; every client gets it.
    for (const certificate of certificates.length === 1 ? [] : certificates) {
      const context = createSecureContext(this.#options(certificate));
      for (const name of namesOf(parseChain(certificate.cert)[0]!)) {
        if (!byName.has(name.toLowerCase())) byName.set(name.toLowerCase(), context);
      }
    }
    return [this.#options(first), byName];
  }

  #options({ cert, key }: Credentials): SecureContextOptions {
    if (this.#clientCa === null) return { ...this.#shared, cert, key };
    // A session remembers that its certificate was good: under other authorities it must not be resumed.
    const sessionIdContext = createHash('sha256').update(this.#clientCa).digest('hex').slice(0, 32);
    return { ...this.#shared, cert, key, ca: this.#clientCa, sessionIdContext };
  }
}
