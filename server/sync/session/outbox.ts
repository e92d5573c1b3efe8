import { mergeInLevels } from '../../../persistence/update/merge.ts';
import { mergingWeightOfAll } from '../../../persistence/update/weight.ts';
import { limitReached } from '../../errors.ts';
import { drainBytes } from '../connection.ts';
import type { Connection } from '../connection.ts';
import { maxMergeWeight } from '../offload.ts';
import type { Peer } from '../room/peer.ts';
import type { Codec } from '../protocol/codec.ts';
import type { Broadcast } from '../room/broadcast.ts';
import type { SyncStats } from '../stats.ts';
import type { OutboxMemory, Waiting } from './outbox-memory.ts';

/**
 * A reader is slow while its socket buffers this much or more. This is one round trip of a fast line, and well above
 * what a busy room sends in a tick.
 */
export const slowBytes = 64 * 1024;
/**
 * A slow reader is told of at most this many clients that have left, in 10 KB. It shows the others until their states
 * expire, after 30 s.
 */
const maxGone = 200;
/** A stock client closes after 30 s without a message. Half of that leaves room for one that is lost. */
const keepAliveMs = 15_000;
/** An awareness update without entries. */
export const noPresence = Uint8Array.of(0);

export interface OutboxDeps {
  readonly codec: Codec;
  readonly stats: SyncStats;
  /** Shared by all outboxes. */
  readonly outboxMemory: OutboxMemory;
  readonly rooms: { readonly coarseNowMs: number };
  readonly limits: {
    /** Bytes of updates, and of replies, that may wait for a slow reader. Its session is ended beyond that. */
    readonly maxOutboxBytes: number;
  };
}

/**
 * The only writer to one session's connection. A fast reader gets the shared frames of a broadcast at once. For a slow
 * reader updates wait, bounded, and are merged when it catches up. Presence for it is dropped, and sent whole
 * afterwards, with the clients that have left meanwhile.
 */
export class Outbox implements Waiting {
  readonly peer: Pick<Peer, 'end'>;
  readonly #connection: Connection;
  readonly #deps: OutboxDeps;
  /** Null while no update waits. */
  #updates: Uint8Array[] | null = null;
  #updateBytes = 0;
  /** The clients that left in dropped presence, with their clocks, the latest last. Null if none was dropped. */
  #gone: Map<number, number> | null = null;
  /** Bytes of replies since the reader last was fast. */
  #replyBytes = 0;
  #lastWriteMs = 0;
  #drainWaiters: (() => void)[] | null = null;
  #closed = false;

  constructor(peer: Pick<Peer, 'end'>, connection: Connection, deps: OutboxDeps) {
    this.peer = peer;
    this.#connection = connection;
    this.#deps = deps;
  }

  get waitingBytes(): number {
    return this.#updateBytes;
  }

  get #isSlow(): boolean {
    return this.#connection.bufferedBytes >= slowBytes;
  }

  /** Throws RefusedError ('too-slow') if too many bytes wait. */
  deliver(broadcast: Broadcast): void {
    const { codec, stats, limits, rooms } = this.#deps;
    stats.deliveries++;
    this.#lastWriteMs = rooms.coarseNowMs;
    // Later updates wait behind those that wait already.
    if (this.#updates === null && !this.#isSlow) {
      this.#connection.write(broadcast.frames(codec));
      return;
    }
    if (broadcast.presence !== null) this.#dropPresence(broadcast);
    const { update } = broadcast;
    if (update === null) return;
    if (this.#updateBytes + update.length > limits.maxOutboxBytes) throw limitReached('outbox-size');
    (this.#updates ??= []).push(update);
    this.#updateBytes += update.length;
    this.#deps.outboxMemory.grew(this, update.length);
  }

  #dropPresence(broadcast: Broadcast): void {
    this.#deps.stats.presenceDropped++;
    const gone = (this.#gone ??= new Map());
    for (const [clientId, clock] of broadcast.gone) {
      gone.delete(clientId);
      gone.set(clientId, clock);
    }
    for (const clientId of gone.keys()) {
      if (gone.size <= maxGone) break;
      gone.delete(clientId);
    }
  }

  /**
   * Writes frames for this reader alone, before the updates that wait. Bounded, because a client may ask again and
   * again without reading: ends the session if too many bytes wait.
   */
  reply(frames: Uint8Array): void {
    if (!this.#isSlow) this.#replyBytes = 0;
    this.#replyBytes += frames.length;
    if (this.#replyBytes > this.#deps.limits.maxOutboxBytes) this.peer.end(limitReached('outbox-size'));
    this.write(frames);
  }

  /** Writes frames without a bound, for callers that wait for `whenDrained`. Does nothing after `close`. */
  write(frames: Uint8Array): void {
    if (this.#closed) return;
    this.#lastWriteMs = this.#deps.rooms.coarseNowMs;
    this.#connection.write(frames);
  }

  /** Writes something if nothing was written for long. */
  keepAlive(nowMs: number): void {
    if (nowMs - this.#lastWriteMs >= keepAliveMs) this.write(this.#deps.codec.presence(noPresence));
  }

  /** Resolves when the socket buffers less than `drainBytes`, or the outbox is closed. */
  whenDrained(): Promise<void> {
    if (this.#closed || this.#connection.bufferedBytes < drainBytes) return Promise.resolve();
    return new Promise((resolve) => (this.#drainWaiters ??= []).push(resolve));
  }

  /**
   * The socket buffers nothing any more: writes what waits. If presence was dropped, `presence` returns the frames for
   * the clients that are present, and for those of the given client ids, with their clocks, that are not.
   */
  drained(presence: (gone: ReadonlyMap<number, number>) => Uint8Array | null): void {
    this.#wakeWriters();
    if (this.#updates === null && this.#gone === null) return;
    const { codec } = this.#deps;
    const frames: Uint8Array[] = [];
    if (this.#updates !== null) {
      // Updates that are too heavy to merge on the event loop are sent one by one.
      const small = this.#updates.length > 1 && mergingWeightOfAll(this.#updates, maxMergeWeight) <= maxMergeWeight;
      const updates = small ? [mergeInLevels(this.#updates)] : this.#updates;
      frames.push(...updates.map((update) => codec.update(update)));
    }
    if (this.#gone !== null) {
      const states = presence(this.#gone);
      if (states !== null) frames.push(states);
    }
    this.#discard();
    if (frames.length > 0) this.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  }

  #wakeWriters(): void {
    const waiters = this.#drainWaiters ?? [];
    this.#drainWaiters = null;
    for (const resolve of waiters) resolve();
  }

  #discard(): void {
    this.#deps.outboxMemory.emptied(this);
    this.#updates = null;
    this.#gone = null;
    this.#updateBytes = 0;
  }

  /** Writes nothing more, and drops what waits. */
  close(): void {
    this.#closed = true;
    this.#discard();
    this.#wakeWriters();
  }
}
