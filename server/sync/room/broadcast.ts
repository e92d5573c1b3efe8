import type { Codec } from '../protocol/codec.ts';
import { readGone } from '../presence/presence.ts';

/**
 * What a room sends to all its peers at one time. It is encoded once per codec, and the peers of a codec share the
 * bytes.
 */
export class Broadcast {
  /** The updates that became durable since the last broadcast, merged; null if only presence has changed. */
  readonly update: Uint8Array | null;
  readonly presence: Uint8Array | null;
  /** The codec that was asked for first, with its frames. Most rooms have no other, and need no map. */
  #firstCodec: Codec | null = null;
  #firstFrames: Buffer | null = null;
  #otherFrames: Map<Codec, Buffer> | null = null;
  #gone: ReadonlyMap<number, number> | null = null;

  constructor(update: Uint8Array | null, presence: Uint8Array | null) {
    this.update = update;
    this.presence = presence;
  }

  /** The client ids whose presence it removes, with their clocks. */
  get gone(): ReadonlyMap<number, number> {
    return (this.#gone ??= this.presence === null ? new Map() : readGone(this.presence));
  }

  /** The update and the presence as frames for a single write. The buffer is shared and must not be written to. */
  frames(codec: Codec): Buffer {
    if (this.#firstCodec === codec) return this.#firstFrames!;
    const known = this.#otherFrames?.get(codec);
    if (known !== undefined) return known;
    const frames = this.#encode(codec);
    if (this.#firstCodec === null) {
      this.#firstCodec = codec;
      this.#firstFrames = frames;
    } else {
      (this.#otherFrames ??= new Map()).set(codec, frames);
    }
    return frames;
  }

  #encode(codec: Codec): Buffer {
    const update = this.update === null ? null : codec.update(this.update);
    const presence = this.presence === null ? null : codec.presence(this.presence);
    return update === null || presence === null ? (update ?? presence)! : Buffer.concat([update, presence]);
  }
}
