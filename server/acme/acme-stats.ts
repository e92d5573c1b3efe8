/** The counters of renewals. `certificate-metrics.ts` reads them when metrics are requested. */
export class AcmeStats {
  issued = 0;
  failed = 0;
  /** Failures since the last success. */
  failuresInARow = 0;
  /** When the authority is asked next, in milliseconds since 1970. */
  nextAttemptMs = 0;
}
