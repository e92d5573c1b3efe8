import { mergeInLevels } from '../../persistence/update/merge.ts';
import { weightOfAll } from '../../persistence/update/weight.ts';
import { limitReached } from '../limits.ts';
import type { Broadcast } from './broadcast.ts';
import type { Codec } from './codec.ts';
import type { Connection } from './connection.ts';
import { MAX_MERGE_WEIGHT } from './offload.ts';
import type { OutboxMemory, Waiting } from './outbox-memory.ts';
import type { Peer } from './peer.ts';
import type { SyncStats } from './stats.ts';

/**
 * A socket with more than this in its buffer is slow: what follows is gathered instead of written. One round trip of
 * a fast line, and well above what a busy room sends in a tick.
 */
export const SLOW_BYTES = 64 * 1024;

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
 * one updates are gathered, merged when it catches up, and bounded; presence is dropped and sent whole afterwards.
 */
export class Outbox implements Waiting {
  readonly peer: Pick<Peer, 'end'>;
  readonly #connection: Connection;
  readonly #deps: OutboxDeps;
  #updates: Uint8Array[] | null = null;
  #bytes = 0;
  #presenceDropped = false;

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
    if (broadcast.presence !== null) {
      this.#presenceDropped = true;
      stats.presenceDropped++;
    }
    if (broadcast.update === null) return;
    this.#bytes += broadcast.update.length;
    if (this.#bytes > limits.maxOutboxBytes) throw limitReached('outbox-size');
    (this.#updates ??= []).push(broadcast.update);
    this.#deps.outboxMemory.grew(this, broadcast.update.length);
  }

  /** Forgets what waits: the session has ended. */
  discard(): void {
    this.#deps.outboxMemory.emptied(this);
    this.#updates = null;
    this.#bytes = 0;
  }

  /** The socket is empty: sends what was gathered. `presence` is asked for everybody who is here, as frames, if that is needed. */
  flush(presence: () => Uint8Array | null): void {
    const { codec } = this.#deps;
    const frames: Uint8Array[] = [];
    if (this.#updates !== null) {
      // More is sent in several messages.
      const small = this.#updates.length > 1 && weightOfAll(this.#updates) <= MAX_MERGE_WEIGHT;
      const updates = small ? [mergeInLevels(this.#updates)] : this.#updates;
      frames.push(...updates.map((update) => codec.update(update)));
    }
    if (this.#presenceDropped) {
      const states = presence();
      if (states !== null) frames.push(states);
    }
    this.discard();
    this.#presenceDropped = false;
    if (frames.length > 0) this.#connection.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames));
  }
}
