import type { ValidityPeriod } from '../tls/certificate-health.ts';
import type { RenewalInfo } from './renewal-info.ts';

/** A certificate is renewed when a third of its lifetime is left, whether that is 90 days, 47 or 6. */
const leftFraction = 1 / 3;
/**
 * Renewals are spread over this part of the lifetime before that, so that certificates issued together are not renewed
 * together.
 */
const jitterFraction = 1 / 30;

/**
 * When to renew a certificate, in milliseconds since 1970. `random` is from 0 to 1, the same for the same certificate.
 */
export function renewalTimeMs(
  { notBeforeMs, notAfterMs }: ValidityPeriod,
  info: RenewalInfo | null,
  random: number,
): number {
  const lifetimeMs = notAfterMs - notBeforeMs;
  const usualMs = notAfterMs - lifetimeMs * leftFraction - random * lifetimeMs * jitterFraction;
  if (info === null) return usualMs;
  // The authority may ask for an earlier time because it revokes. A later time would only leave less time for retries.
  return Math.min(usualMs, info.startMs + random * (info.endMs - info.startMs));
}

const firstRetryMs = 60_000;
/** Five attempts in the first hour, which is the number of failures that Let's Encrypt allows in an hour. */
const retryFactor = 3;
const lastRetryMs = 6 * 3_600_000;
/** Random extra time. It only lengthens the delay, because the authority's limits are exact to the second. */
const retryJitter = 0.2;

/**
 * The longest wait that an authority may ask for. Public authorities limit for a week at most; a later time comes from
 * a wrong clock.
 */
export const maxRetryAfterMs = 8 * 24 * 3_600_000;

/** How long to wait after a number of consecutive failures, in milliseconds. */
export function retryDelayMs(failures: number, retryAfterMs: number | null, random: number): number {
  const delayMs = Math.min(firstRetryMs * retryFactor ** (failures - 1), lastRetryMs);
  return Math.max(delayMs, retryAfterMs ?? 0) * (1 + random * retryJitter);
}
