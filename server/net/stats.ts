import type { RefusalCode } from '../errors.ts';
import type { LimitName } from '../limits/limits.ts';

/** The counters of the network. Plain numbers that only grow; `metrics.ts` reads them on each scrape. */
export class NetStats {
  connectionsOpened = 0;
  /** Connections that were cut off because they did not answer pings. */
  connectionsSilent = 0;
  /** By close code. Codes that this server does not know count as 'other'. */
  readonly connectionsClosed = new Map<string, number>();
  /** Connections closed because of their client, by reason. Sessions count their refusals themselves. */
  readonly connectionsRefused = new Map<RefusalCode, number>();
  /** Requests that could not be parsed, or were not complete in time, by reason. */
  readonly requestsUnreadable = new Map<RefusalCode, number>();
  /** Connections that were cut off because their client did not read a response. */
  answersUnread = 0;
  /** Upgrades that were refused with an HTTP status, by reason. */
  readonly upgradesRefused = new Map<RefusalCode, number>();
  /** Deletions that were requested over HTTP and refused, by reason. */
  readonly deletionsRefused = new Map<RefusalCode, number>();
  /** How often a limit of the network was reached. */
  readonly limitsReached = new Map<LimitName, number>();
  /** TLS handshakes that failed: a client that does not trust the certificate, a scanner, a timeout. */
  tlsHandshakesFailed = 0;
  /** Sockets that were destroyed, or could not be accepted, because too many files are open. */
  acceptsFailed = 0;

  closed(code: number): void {
    increment(this.connectionsClosed, isKnown(code) ? String(code) : 'other');
  }
}

export function increment<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function isKnown(code: number): boolean {
  return (code >= 1000 && code <= 1015) || (code >= 4400 && code <= 4599);
}
