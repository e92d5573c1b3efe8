import { readCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';

/** Provides the current version of a certificate. */
export interface CertificateSource {
  /** The files to watch; empty if the certificate never changes by itself. */
  readonly paths: readonly string[];
  /** Throws CertificateError. `before` is the previous result of this source. */
  read(nowMs: number, before: Certificate | null): Certificate;
}

/** A certificate file and a key file that another program renews. */
export function fileSource(certPath: string, keyPath: string): CertificateSource {
  return {
    paths: [certPath, keyPath],
    read: (nowMs, before) => readCertificate(certPath, keyPath, nowMs, before),
  };
}
