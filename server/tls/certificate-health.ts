/** How much of a certificate's life is left, in words that do not depend on how long that life is (200 days, or 6). */
export type CertificateHealth = 'good' | 'renew-soon' | 'renew-now' | 'expired';

/** In milliseconds since 1970. */
export interface ValidityPeriod {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * A certificate that browsers do not trust by themselves:
 * - `placeholder`: made here, until the first certificate is obtained by ACME
 * - `staging`: of the staging authority of Let's Encrypt, for trying things out
 * - `development`: of the authority that this server has made for one machine
 */
export type CertificateKind = 'placeholder' | 'staging' | 'development';

/** One certificate that is served, and how it is with it. */
export interface CertificateReport {
  readonly names: readonly string[];
  readonly notAfterMs: number;
  /** `pending`: a placeholder, as the first real one has not been obtained yet. */
  readonly health: CertificateHealth | 'pending';
  /** Left out, or null, for a certificate that may be trusted. */
  readonly kind?: CertificateKind | null;
}

/** Certificates are renewed with a third of their life left: from then on something is late. */
const soonFraction = 1 / 3;
/** Half of the time in which somebody could have seen the warning has passed. */
const nowFraction = 1 / 6;

export function certificateHealth({ notBeforeMs, notAfterMs }: ValidityPeriod, nowMs: number): CertificateHealth {
  const leftMs = notAfterMs - nowMs;
  if (leftMs <= 0) return 'expired';
  const left = leftMs / (notAfterMs - notBeforeMs);
  if (left < nowFraction) return 'renew-now';
  return left < soonFraction ? 'renew-soon' : 'good';
}
