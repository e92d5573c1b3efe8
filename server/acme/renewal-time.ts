import type { ValidityPeriod } from '../tls/certificate-health.ts';
import type { RenewalInfo } from './renewal-info.ts';

/** Renewed with a third of the life left, whether that is 90 days, 47 or 6. */
const leftFraction = 1 / 3;
/** Spread over so much of the life before that, so that not all that were made together come back together. */
const jitterFraction = 1 / 30;

/** When to renew a certificate, in milliseconds since 1970. `random` is from 0 to 1, the same for the same certificate. */
export function renewalTimeMs(
  { notBeforeMs, notAfterMs }: ValidityPeriod,
  info: RenewalInfo | null,
  random: number,
): number {
  const lifetimeMs = notAfterMs - notBeforeMs;
  const usualMs = notAfterMs - lifetimeMs * leftFraction - random * lifetimeMs * jitterFraction;
  if (info === null) return usualMs;
  // The authority may want it earlier, because it revokes. Later than usual would only take time for trying again.
  return Math.min(usualMs, info.startMs + random * (info.endMs - info.startMs));
}

const firstRetryMs = 60_000;
/** Five tries within the first hour: as many failures as Let's Encrypt allows in one. */
const retryFactor = 3;
const lastRetryMs = 6 * 3_600_000;
/** Only ever longer: the authority's own limits are to the second. */
const retryJitter = 0.2;

/**
 * The longest wait that an authority may ask for. Limits of public authorities are for a week at most; a time beyond that
 * comes from a clock that is wrong.
 */
export const maxRetryAfterMs = 8 * 24 * 3_600_000;

/** How long to wait after so many failures in a row, in milliseconds. */
export function retryDelayMs(failures: number, retryAfterMs: number | null, random: number): number {
  const delayMs = Math.min(firstRetryMs * retryFactor ** (failures - 1), lastRetryMs);
  return Math.max(delayMs, retryAfterMs ?? 0) * (1 + random * retryJitter);
}
