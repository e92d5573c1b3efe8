/** What renewals count. Plain numbers; `certificate-metrics.ts` reads them when somebody asks. */
export class AcmeStats {
  issued = 0;
  failed = 0;
  /** Failures since the last success. */
  failuresInARow = 0;
  /** When the authority is asked next, in milliseconds since 1970. */
  nextAttemptMs = 0;
}
