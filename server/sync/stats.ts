import type { RefusalCode, RefusedError } from '../errors.ts';
import type { LimitName } from '../limits/limits.ts';

/**
 * What sync counts. Plain numbers, because they change on the way of every edit; `metrics.ts` reads them when somebody
 * asks. Everything only grows.
 */
export class SyncStats {
  /** Updates by what became of them. */
  updatesAppended = 0;
  updatesKnown = 0;
  /** Not appended: they build on edits that are missing, and the client was asked for all that is. */
  updatesWithGap = 0;
  /** Appended although they build on missing edits: a client's answer had nothing better. */
  gapsStored = 0;
  /** Dropped: their sender may only read. */
  updatesRefused = 0;
  updateBytesIn = 0;
  /** Merged messages to rooms, and their copies to sessions. */
  broadcasts = 0;
  deliveries = 0;
  /** Presence that a slow session did not get; it gets the whole presence once it has caught up. */
  presenceDropped = 0;
  /** Presence states that were relayed without some of their fields, because these break editors. */
  presenceTrimmed = 0;
  joins = 0;
  probesAnswered = 0;
  documentsDeleted = 0;
  roomsLoaded = 0;
  roomsUnloaded = 0;
  /** Documents that could not be opened. */
  loadsFailed = 0;
  /** Sessions that were ended by us, by reason. */
  readonly sessionsEnded = new Map<RefusalCode, number>();
  /** How often a limit of sessions and rooms was reached. */
  readonly limitsReached = new Map<LimitName, number>();

  /** Counts a session that the server has ended, and the limit if one was the reason. */
  sessionEnded({ code, limit }: RefusedError): void {
    this.sessionsEnded.set(code, (this.sessionsEnded.get(code) ?? 0) + 1);
    if (limit !== null) this.limitReached(limit);
  }

  limitReached(name: LimitName): void {
    this.limitsReached.set(name, (this.limitsReached.get(name) ?? 0) + 1);
  }
}
