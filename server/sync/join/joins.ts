import { toRefusal } from '../../errors.ts';
import { fixedLimits, limitReached } from '../../limits/limits.ts';
import type { LimitName } from '../../limits/limits.ts';
import { TokenBucket } from '../../limits/token-bucket.ts';
import type { BucketSize } from '../../limits/token-bucket.ts';
import type { Codec } from '../protocol/codec.ts';
import { answerSyncStep1, type JoinSink } from './join.ts';
import type { Peer } from '../peer.ts';
import type { Offload } from '../offload.ts';
import type { Room } from '../room/room.ts';
import type { SyncStats } from '../stats.ts';

const MAX_WAITING = fixedLimits['waiting-sync-requests'].max;
/** For how many seconds of SyncStep1 somebody who has not asked for long has tokens. */
const REQUEST_BURST_SECONDS = 20;
const REQUEST_RATE: BucketSize = {
  perSecond: fixedLimits['sync-requests'].max,
  burst: fixedLimits['sync-requests'].max * REQUEST_BURST_SECONDS,
};

export interface JoinsDeps {
  readonly codec: Codec;
  /** The worker thread, shared in turns by key. Jobs of a client that is gone do not start. */
  readonly offload: { of(key: string, isGone: () => boolean): Offload };
  readonly stats: SyncStats;
  /** In bytes of answers. */
  readonly limits: { readonly syncRate: BucketSize };
  readonly rooms: { readonly coarseNowMs: number };
}

/** The session as its joins see it. */
export interface JoiningPeer extends Peer {
  readonly ended: boolean;
  /** With whom it shares its turns at the worker thread. */
  readonly workKey: string;
  write(frames: Uint8Array): void;
  /** Resolves when the socket has taken what was written, but for a little, or has ended. */
  whenDrained(): Promise<void>;
}

/** The SyncStep1 of one session: answered one after the other, each when the last answer was read, and no faster than is allowed. */
export class Joins implements JoinSink {
  readonly #peer: JoiningPeer;
  readonly #room: Room;
  readonly #deps: JoinsDeps;
  readonly #requests: TokenBucket;
  readonly #bytes: TokenBucket;
  #last: Promise<void> = Promise.resolve();
  #waiting = 0;
  /** Goes on with an answer that had to wait. */
  #resume: (() => void) | null = null;

  constructor(peer: JoiningPeer, room: Room, deps: JoinsDeps) {
    this.#peer = peer;
    this.#room = room;
    this.#deps = deps;
    this.#requests = new TokenBucket(REQUEST_RATE, deps.rooms.coarseNowMs);
    this.#bytes = new TokenBucket(deps.limits.syncRate, deps.rooms.coarseNowMs);
  }

  /** `live` is called as `answerSyncStep1` does. Throws RefusedError if too many wait. */
  add(stateVector: Uint8Array, live: () => void): void {
    if (this.#waiting >= MAX_WAITING) throw limitReached('waiting-sync-requests');
    this.#waiting++;
    this.#deps.stats.joins++;
    const answer = async (): Promise<void> => {
      await this.#answer(stateVector, live);
      this.#waiting--;
    };
    this.#last = this.#waiting === 1 ? answer() : this.#last.then(answer);
  }

  async #answer(stateVector: Uint8Array, live: () => void): Promise<void> {
    try {
      // Whoever asks again without reading the last answer gets no more of them.
      await this.whenDrained();
      await this.#whenAllowed();
      if (this.ended) return;
      this.#requests.spend(1, this.#deps.rooms.coarseNowMs);
      const offload = this.#deps.offload.of(this.#peer.workKey, () => this.ended);
      await answerSyncStep1(this.#room, stateVector, this, offload, live);
    } catch (error) {
      this.#peer.end(toRefusal(error));
    }
  }

  async #whenAllowed(): Promise<void> {
    const limit = this.#limit(this.#deps.rooms.coarseNowMs);
    if (limit === null || this.ended) return;
    this.#deps.stats.limitReached(limit);
    await new Promise<void>((resolve) => {
      this.#resume = resolve;
    });
  }

  #limit(nowMs: number): LimitName | null {
    if (this.#requests.waitMs(1, nowMs) > 0) return 'sync-requests';
    return this.#bytes.waitMs(0, nowMs) > 0 ? 'sync-rate' : null;
  }

  /**
   * Called about once a second with the time of `RoomsDeps.now`. Returns whether nothing waits and nothing is spent:
   * then another one is as good.
   */
  sweep(nowMs: number): boolean {
    if (this.#limit(nowMs) === null) this.close();
    return this.#waiting === 0 && this.#requests.isFull(nowMs) && this.#bytes.isFull(nowMs);
  }

  /** What waits for better times sees that the session has ended. */
  close(): void {
    this.#resume?.();
    this.#resume = null;
  }

  get codec(): Codec {
    return this.#deps.codec;
  }

  get ended(): boolean {
    return this.#peer.ended;
  }

  write(frames: Uint8Array): void {
    this.#bytes.spend(frames.length, this.#deps.rooms.coarseNowMs);
    this.#peer.write(frames);
  }

  whenDrained(): Promise<void> {
    return this.#peer.whenDrained();
  }
}
