import type { RefusalCode, RefusedError } from '../errors.ts';
import type { LimitName } from '../limits/limits.ts';

/**
 * The counters of rooms and sessions. Plain numbers that only grow, because they change with every edit; `metrics.ts`
 * reads them on each scrape.
 */
export class SyncStats {
  /** Updates handed to the log. */
  updatesAppended = 0;
  /** Updates that held nothing new. */
  updatesKnown = 0;
  /** Updates that were not appended because they build on missing edits. The client was asked for those. */
  updatesWithGap = 0;
  /** Updates that were appended although they build on missing edits, because a client's answer lacked those too. */
  gapsStored = 0;
  /** Updates of clients that may only read. */
  updatesRefused = 0;
  updateBytesIn = 0;
  /** Messages to whole rooms. */
  broadcasts = 0;
  /** Copies of those messages to single sessions. */
  deliveries = 0;
  /** Presence messages that were dropped for a slow reader, which gets all presence when it has caught up. */
  presenceDropped = 0;
  /** Presence states from which fields were removed that break editors. */
  presenceTrimmed = 0;
  joins = 0;
  probesAnswered = 0;
  documentsDeleted = 0;
  roomsLoaded = 0;
  roomsUnloaded = 0;
  /** Documents that could not be opened. */
  loadsFailed = 0;
  /** Sessions and handshakes that the server has ended, by reason. */
  readonly sessionsEnded = new Map<RefusalCode, number>();
  /** How often each limit of sessions and rooms was reached. */
  readonly limitsReached = new Map<LimitName, number>();

  /** Counts a session or handshake that the server has ended, and the limit if one was the reason. */
  sessionEnded({ code, limit }: RefusedError): void {
    this.sessionsEnded.set(code, (this.sessionsEnded.get(code) ?? 0) + 1);
    if (limit !== null) this.limitReached(limit);
  }

  limitReached(name: LimitName): void {
    this.limitsReached.set(name, (this.limitsReached.get(name) ?? 0) + 1);
  }
}
