/** The counters of authentication. `metrics.ts` reads them when metrics are requested. All of them only grow. */
export class AuthStats {
  granted = 0;
  /** Attempts that were refused, for any reason. */
  refused = 0;
  /** Failed requests to the application or to the JWKS URL. */
  unavailable = 0;
  /** Live sessions whose access was revoked. */
  revoked = 0;
  /** Live sessions whose grant was renewed by the application. */
  renewed = 0;
}
