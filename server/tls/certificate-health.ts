/** How much of a certificate's lifetime is left, independent of its length (200 days, or 6). */
type CertificateHealth = 'good' | 'renew-soon' | 'renew-now' | 'expired';

/** In milliseconds since 1970. */
export interface ValidityPeriod {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * A certificate that browsers do not trust by themselves:
 * - `placeholder`: self-signed, used until the first certificate is obtained by ACME
 * - `staging`: from Let's Encrypt's staging authority, for experiments
 * - `development`: from the authority that this server has made for one machine
 */
export type CertificateKind = 'placeholder' | 'staging' | 'development';

/** The status of a certificate that is served. */
export interface CertificateReport {
  readonly names: readonly string[];
  readonly notAfterMs: number;
  /** `pending`: a placeholder, because the first real certificate has not been obtained yet. */
  readonly health: CertificateHealth | 'pending';
  /** Omitted or null for a certificate that browsers may trust. */
  readonly kind?: CertificateKind | null;
}

/** Certificates are renewed when a third of their lifetime is left. Below that the renewal is late. */
const soonFraction = 1 / 3;
/** Half of the time between the first warning and the expiry has passed. */
const nowFraction = 1 / 6;

export function certificateHealth({ notBeforeMs, notAfterMs }: ValidityPeriod, nowMs: number): CertificateHealth {
  const leftMs = notAfterMs - nowMs;
  if (leftMs <= 0) return 'expired';
  const left = leftMs / (notAfterMs - notBeforeMs);
  if (left < nowFraction) return 'renew-now';
  return left < soonFraction ? 'renew-soon' : 'good';
}
