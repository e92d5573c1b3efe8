import { mergeInLevels } from '../../../persistence/update/merge.ts';
import { mergingWeightOfAll } from '../../../persistence/update/weight.ts';
import { limitReached } from '../../errors.ts';
import type { Broadcast } from '../room/broadcast.ts';
import type { Codec } from '../protocol/codec.ts';
import type { Connection } from '../connection.ts';
import { MAX_MERGE_WEIGHT } from '../offload.ts';
import type { OutboxMemory, Waiting } from './outbox-memory.ts';
import type { Peer } from '../peer.ts';
import type { SyncStats } from '../stats.ts';

/**
 * A socket with more than this in its buffer is slow: what follows is gathered instead of written. One round trip of
 * a fast line, and well above what a busy room sends in a tick.
 */
export const SLOW_BYTES = 64 * 1024;
/** Of so many who have left a slow reader is told; others it sees until their states expire, after 30 s. 10 KB at most. */
const MAX_GONE = 200;

export interface OutboxDeps {
  readonly codec: Codec;
  readonly stats: SyncStats;
  /** What waits in all outboxes. */
  readonly outboxMemory: OutboxMemory;
  readonly limits: {
    /** What may be gathered for a slow reader before it is sent away. */
    readonly maxOutboxBytes: number;
  };
}

/**
 * What a room sends to one session, on its way to the socket. A fast reader gets the shared frames at once. For a slow
 * one updates are gathered, merged when it catches up, and bounded; presence is dropped and sent whole afterwards, with
 * those who have left meanwhile.
 */
export class Outbox implements Waiting {
  readonly peer: Pick<Peer, 'end'>;
  readonly #connection: Connection;
  readonly #deps: OutboxDeps;
  #updates: Uint8Array[] | null = null;
  #bytes = 0;
  /** Who has left in the presence that was dropped, with their clocks, the latest last. Null if none was. */
  #gone: Map<number, number> | null = null;

  constructor(peer: Pick<Peer, 'end'>, connection: Connection, deps: OutboxDeps) {
    this.peer = peer;
    this.#connection = connection;
    this.#deps = deps;
  }

  get waitingBytes(): number {
    return this.#bytes;
  }

  /** Throws RefusedError ('too-slow') if the bound is reached. */
  deliver(broadcast: Broadcast): void {
    const connection = this.#connection;
    const { codec, stats, limits } = this.#deps;
    stats.deliveries++;
    if (this.#updates === null && connection.bufferedBytes < SLOW_BYTES) {
      connection.write(broadcast.frames(codec));
      return;
    }
    if (broadcast.presence !== null) this.#dropPresence(broadcast);
    if (broadcast.update === null) return;
    this.#bytes += broadcast.update.length;
    if (this.#bytes > limits.maxOutboxBytes) throw limitReached('outbox-size');
    (this.#updates ??= []).push(broadcast.update);
    this.#deps.outboxMemory.grew(this, broadcast.update.length);
  }

  #dropPresence(broadcast: Broadcast): void {
    this.#deps.stats.presenceDropped++;
    const gone = (this.#gone ??= new Map());
    for (const [clientId, clock] of broadcast.gone) {
      gone.delete(clientId);
      gone.set(clientId, clock);
    }
    for (const clientId of gone.keys()) {
      if (gone.size <= MAX_GONE) break;
      gone.delete(clientId);
    }
  }

  /** Forgets what waits: the session has ended. */
  discard(): void {
    this.#deps.outboxMemory.emptied(this);
    this.#updates = null;
    this.#gone = null;
    this.#bytes = 0;
  }

  /**
   * The socket is empty: sends what was gathered. `presence` is asked, if that is needed, for frames that say who is here
   * and who of these client ids, with their clocks, is gone.
   */
  flush(presence: (gone: ReadonlyMap<number, number>) => Uint8Array | null): void {
    const { codec } = this.#deps;
    const frames: Uint8Array[] = [];
    if (this.#updates !== null) {
      // More is sent in several messages.
      const small = this.#updates.length > 1 && mergingWeightOfAll(this.#updates, MAX_MERGE_WEIGHT) <= MAX_MERGE_WEIGHT;
      const updates = small ? [mergeInLevels(this.#updates)] : this.#updates;
      frames.push(...updates.map((update) => codec.update(update)));
    }
    if (this.#gone !== null) {
      const states = presence(this.#gone);
      if (states !== null) frames.push(states);
    }
    this.discard();
    if (frames.length > 0) this.#connection.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  }
}
