import type { Logger } from '../logger.ts';
import { CertificateError, NotYetValidError, checkCertificate, parseCertificate } from '../tls/certificate.ts';
import type { Certificate } from '../tls/certificate.ts';
import type { CertificateSource } from '../tls/certificate-source.ts';
import { bitString, sequence } from '../tls/der.ts';
import { extension, generalName, generateKey, issue } from '../tls/issue-certificate.ts';
import type { AcmeStore } from './acme-store.ts';

const dayMs = 86_400_000;

/**
 * The certificate that was obtained last. Until one can be served, it is an untrusted placeholder, because the
 * authority must be able to connect before it issues a certificate.
 */
export class AcmeCertificate implements CertificateSource {
  readonly paths: readonly string[];
  readonly #store: AcmeStore;
  readonly #names: readonly string[];
  readonly #logger: Logger;
  /** Cached, because parsing takes 20 ms or more and the certificate stays the same for weeks. */
  #read: Certificate | null = null;

  constructor(store: AcmeStore, names: readonly string[], logger: Logger) {
    this.#store = store;
    this.#names = names;
    this.#logger = logger;
    this.paths = [store.certificatePath];
  }

  read(nowMs: number, before: Certificate | null): Certificate {
    try {
      const stored = this.stored(nowMs, before);
      if (stored !== null) return stored;
    } catch (error) {
      // A certificate that is already served is better than a placeholder.
      if (!(error instanceof CertificateError) || (before !== null && !before.isPlaceholder)) throw error;
      const { message: reason } = error;
      if (error instanceof NotYetValidError) {
        this.#logger.warn({ reason }, 'stored certificate is served although it is not valid yet by the local clock');
        const early = this.stored(error.fromMs);
        if (early !== null) return early;
      }
      if (before === null) this.#logger.warn({ reason }, 'stored certificate cannot be served');
    }
    return before ?? placeholder(this.#names, nowMs);
  }

  /** Null if no certificate is stored. Throws CertificateError if it cannot be served now. */
  stored(nowMs: number, before: Certificate | null = null): Certificate | null {
    const credentials = this.#store.certificate();
    if (credentials === null) return null;
    const { cert, key } = credentials;
    const known = this.#read;
    if (known?.cert === cert && known.key === key && isValidAt(known, nowMs)) return known;
    const path = this.#store.certificatePath;
    this.#read = checkCertificate(credentials, { certPath: path, keyPath: path }, nowMs, before);
    return this.#read;
  }
}

function isValidAt({ notBeforeMs, notAfterMs }: Certificate, nowMs: number): boolean {
  return notBeforeMs <= nowMs && nowMs < notAfterMs;
}

/** Makes a self-signed certificate, whose name tells users of a browser that it is a placeholder. */
export function placeholder(names: readonly string[], nowMs: number): Certificate {
  const subject = { commonName: 'Quire placeholder: no certificate has been obtained yet', unit: 'Quire' };
  const key = generateKey();
  const credentials = issue(subject, key, subject, key, { fromMs: nowMs - dayMs, toMs: nowMs + dayMs }, [
    extension('2.5.29.15', true, bitString(Uint8Array.of(0x80), 7)),
    extension('2.5.29.17', false, sequence(...names.map(generalName))),
  ]);
  return { ...parseCertificate(credentials), isPlaceholder: true };
}
