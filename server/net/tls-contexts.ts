import { randomBytes } from 'node:crypto';
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
  #default: SecureContextOptions;
  #byName: ReadonlyMap<string, SecureContext>;

  constructor(certificates: readonly Credentials[]) {
    [this.#default, this.#byName] = this.#build(certificates);
  }

  /** What serves clients that ask for no name, or for one that no certificate holds. */
  get defaultOptions(): SecureContextOptions {
    return this.#default;
  }

  /** Throws if OpenSSL takes one of them not; then nothing has changed. */
  replace(certificates: readonly Credentials[]): void {
    [this.#default, this.#byName] = this.#build(certificates);
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
    return { ...this.#shared, cert, key };
  }
}
