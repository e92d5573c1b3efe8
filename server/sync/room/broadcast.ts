import type { Codec } from '../protocol/codec.ts';
import { readGone } from '../presence/presence.ts';

/** What one tick of a room sends to everybody: encoded once per codec, the same bytes for every peer. */
export class Broadcast {
  /** Everything that became durable since the last one, merged; null if only presence changed. */
  readonly update: Uint8Array | null;
  readonly presence: Uint8Array | null;
  #codec: Codec | null = null;
  #frames: Buffer | null = null;
  #gone: ReadonlyMap<number, number> | null = null;

  constructor(update: Uint8Array | null, presence: Uint8Array | null) {
    this.update = update;
    this.presence = presence;
  }

  /** Whose presence it takes away: client ids and their clocks. */
  get gone(): ReadonlyMap<number, number> {
    return (this.#gone ??= this.presence === null ? new Map() : readGone(this.presence));
  }

  /** Both messages, as frames that go out in one write. */
  frames(codec: Codec): Buffer {
    if (this.#frames !== null && this.#codec === codec) return this.#frames;
    const update = this.update === null ? null : codec.update(this.update);
    const presence = this.presence === null ? null : codec.presence(this.presence);
    this.#frames = update === null || presence === null ? (update ?? presence)! : Buffer.concat([update, presence]);
    this.#codec = codec;
    return this.#frames;
  }
}
