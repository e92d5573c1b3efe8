import { limitReached, toRefusal } from '../../errors.ts';
import { fixedLimits } from '../../limits/limits.ts';
import type { LimitName } from '../../limits/limits.ts';
import { TokenBucket } from '../../limits/token-bucket.ts';
import type { BucketSize } from '../../limits/token-bucket.ts';
import type { Codec } from '../protocol/codec.ts';
import { answerSyncStep1 } from './join.ts';
import type { JoinSink } from './join.ts';
import type { Peer } from '../room/peer.ts';
import type { Offload } from '../offload.ts';
import type { Room } from '../room/room.ts';
import type { SyncStats } from '../stats.ts';

const maxQueued = fixedLimits['waiting-sync-requests'].max;
/** How many seconds' worth of SyncStep1 a client may send at once after a long pause. */
const requestBurstSeconds = 20;
const requestRate: BucketSize = {
  perSecond: fixedLimits['sync-requests'].max,
  burst: fixedLimits['sync-requests'].max * requestBurstSeconds,
};

export interface SyncAnswersDeps {
  readonly codec: Codec;
  /** The worker thread, shared in turns by key. Jobs of a client that is gone do not start. */
  readonly offload: { of(key: string, isGone: () => boolean): Offload };
  readonly stats: SyncStats;
  /** The rate is in bytes of answers. */
  readonly limits: { readonly syncRate: BucketSize };
  readonly rooms: { readonly coarseNowMs: number };
}

/** A session as its answers see it. */
export interface JoiningPeer extends Peer {
  readonly ended: boolean;
  /** The key by which it takes turns at the worker thread. */
  readonly workKey: string;
  write(frames: Uint8Array): void;
  /** Resolves when the socket has taken nearly everything that was written, or has ended. */
  whenDrained(): Promise<void>;
}

/**
 * Answers the SyncStep1 messages of one session, one after the other. Each answer begins when the client has read the
 * last one and the limits allow it.
 */
export class SyncAnswers implements JoinSink {
  readonly #peer: JoiningPeer;
  readonly #room: Room;
  readonly #deps: SyncAnswersDeps;
  readonly #requests: TokenBucket;
  readonly #bytes: TokenBucket;
  #last: Promise<void> = Promise.resolve();
  /** Requests without a complete answer. */
  #queued = 0;
  /** Continues an answer that waits for a limit. */
  #resume: (() => void) | null = null;

  constructor(peer: JoiningPeer, room: Room, deps: SyncAnswersDeps) {
    this.#peer = peer;
    this.#room = room;
    this.#deps = deps;
    this.#requests = new TokenBucket(requestRate, deps.rooms.coarseNowMs);
    this.#bytes = new TokenBucket(deps.limits.syncRate, deps.rooms.coarseNowMs);
  }

  /** Queues a request. `onSynced` is called as by `answerSyncStep1`. Throws RefusedError if too many are queued. */
  add(stateVector: Uint8Array, onSynced: () => void): void {
    if (this.#queued >= maxQueued) throw limitReached('waiting-sync-requests');
    this.#queued++;
    this.#deps.stats.joins++;
    const answer = async (): Promise<void> => {
      await this.#answer(stateVector, onSynced);
      this.#queued--;
    };
    this.#last = this.#queued === 1 ? answer() : this.#last.then(answer);
  }

  async #answer(stateVector: Uint8Array, onSynced: () => void): Promise<void> {
    try {
      // A client that does not read the last answer gets no further one.
      await this.whenDrained();
      await this.#whenAllowed();
      if (this.ended) return;
      this.#requests.spend(1, this.#deps.rooms.coarseNowMs);
      const offload = this.#deps.offload.of(this.#peer.workKey, () => this.ended);
      await answerSyncStep1(this.#room, stateVector, this, offload, onSynced);
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
   * Called about once a second with the time of `RoomsDeps.now`. Returns true if nothing is queued and no token is
   * spent: the object can then be replaced by a new one.
   */
  sweep(nowMs: number): boolean {
    if (this.#limit(nowMs) === null) this.close();
    return this.#queued === 0 && this.#requests.isFull(nowMs) && this.#bytes.isFull(nowMs);
  }

  /** The session has ended. Wakes an answer that waits for a limit, so that it can stop. */
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
