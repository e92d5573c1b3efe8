/** What authentication counts. Plain numbers; `metrics.ts` reads them when somebody asks. Everything only grows. */
export class AuthStats {
  granted = 0;
  /** Attempts that were refused, for whatever reason. */
  refused = 0;
  /** Times at which the application or the keys could not be had. */
  unavailable = 0;
  /** Live sessions that lost their access. */
  revoked = 0;
  /** Live sessions whose grant was renewed by the application. */
  renewed = 0;
}
