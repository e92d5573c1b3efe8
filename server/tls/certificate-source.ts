import { readCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';

/** Where a certificate comes from, again and again. */
export interface CertificateSource {
  /** The files to watch; none if it never changes by itself. */
  readonly paths: readonly string[];
  /** Throws CertificateError. `before` is what this source has given last. */
  read(nowMs: number, before: Certificate | null): Certificate;
}

/** A pair of files that somebody else renews. */
export function fileSource(certPath: string, keyPath: string): CertificateSource {
  return {
    paths: [certPath, keyPath],
    read: (nowMs, before) => readCertificate(certPath, keyPath, nowMs, before),
  };
}
