import type { Codec } from '../protocol/codec.ts';
import type { Block } from '../room/tail.ts';

/** Smaller ones are encoded for everybody anew, and written together: that costs less than another write. */
const MIN_KEPT_BYTES = 16 * 1024;
/** A room is swept once a second: when nobody has come during so many a storm of joins is over. */
const KEPT_SWEEPS = 5;

interface KeptFrame {
  readonly frame: Buffer;
  /** A SyncStep2, not an update. */
  readonly isLast: boolean;
}

/** The large blocks of a tail as messages, encoded once for all who join: copying a paper for each of them costs more than sending it. */
export class TailFrames {
  readonly codec: Codec;
  readonly #kept = new Map<Block, KeptFrame>();
  #sweepsUnused = 0;

  constructor(codec: Codec) {
    this.codec = codec;
  }

  /** What is kept. */
  get bytes(): number {
    let bytes = 0;
    for (const { frame } of this.#kept.values()) bytes += frame.length;
    return bytes;
  }

  /** The blocks as messages, in buffers to be written one after the other; if `ends`, the last block is the SyncStep2. */
  of(blocks: readonly Block[], ends: boolean): Uint8Array[] {
    this.#sweepsUnused = 0;
    const buffers: Uint8Array[] = [];
    let small: Uint8Array[] = [];
    const closeSmall = (): void => {
      if (small.length > 0) buffers.push(small.length === 1 ? small[0]! : Buffer.concat(small));
      small = [];
    };
    for (const [index, block] of blocks.entries()) {
      const isLast = ends && index === blocks.length - 1;
      if (block.update.length < MIN_KEPT_BYTES) {
        small.push(this.#encode(block, isLast));
        continue;
      }
      closeSmall();
      buffers.push(this.#frameOf(block, isLast));
    }
    closeSmall();
    return buffers;
  }

  /** Forgets what is not among these blocks any more. Returns false if nobody has asked for long: it can be forgotten whole. */
  sweep(blocks: readonly Block[]): boolean {
    for (const block of this.#kept.keys()) if (!blocks.includes(block)) this.#kept.delete(block);
    return ++this.#sweepsUnused < KEPT_SWEEPS;
  }

  #frameOf(block: Block, isLast: boolean): Buffer {
    const kept = this.#kept.get(block);
    if (kept?.isLast === isLast) return kept.frame;
    const frame = this.#encode(block, isLast);
    this.#kept.set(block, { frame, isLast });
    return frame;
  }

  #encode({ update }: Block, isLast: boolean): Buffer {
    return isLast ? this.codec.syncStep2(update) : this.codec.update(update);
  }
}
