import type { RefusalCode } from '../errors.ts';
import type { LimitName } from '../limits/limits.ts';

/** What the network counts. Plain numbers; `metrics.ts` reads them when somebody asks. Everything only grows. */
export class NetStats {
  connectionsOpened = 0;
  /** Sockets that were ended because nothing came from them any more. */
  connectionsSilent = 0;
  /** By close code; codes that clients make up count as 'other'. */
  readonly connectionsClosed = new Map<string, number>();
  /** Connections closed for what their client did, by reason. What sessions refuse they count themselves. */
  readonly connectionsRefused = new Map<RefusalCode, number>();
  /** What could not be read as a request, or did not come whole in time. */
  readonly requestsUnreadable = new Map<RefusalCode, number>();
  /** Connections that were cut off because their client did not read an answer. */
  answersUnread = 0;
  /** Upgrades answered with an HTTP status instead, by reason. */
  readonly upgradesRefused = new Map<RefusalCode, number>();
  /** How often a limit of the network was reached. */
  readonly limitsReached = new Map<LimitName, number>();
  /** TLS handshakes that came to nothing: a client that does not trust us, a scanner, a timeout. */
  tlsHandshakesFailed = 0;
  /** Connections that were cut off, or never handed over by the system, because too many files are open. */
  acceptsFailed = 0;

  closed(code: number): void {
    increment(this.connectionsClosed, isOurs(code) ? String(code) : 'other');
  }
}

export function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function isOurs(code: number): boolean {
  return (code >= 1000 && code <= 1015) || (code >= 4400 && code <= 4599);
}
