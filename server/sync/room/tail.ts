import { mergeInLevels } from '../../../persistence/update/merge.ts';
import { mergingWeightOfAll } from '../../../persistence/update/weight.ts';
import type { Codec } from '../protocol/codec.ts';
import { MAX_MERGE_WEIGHT } from '../offload.ts';
import { TailFrames } from '../join/tail-frames.ts';

/**
 * Consecutive entries of the log, merged into one update; or a part of an entry, and of what had waited for it. The parts of an
 * entry have its sequence number and follow each other: a reader takes all of them.
 */
export interface Block {
  readonly lastSeq: number;
  readonly update: Uint8Array;
}

/** Merging is linear up to about here; five hundred at once take 9 ms. */
const BLOCKS_PER_MERGE = 50;
/** Levels of merging: blocks of 50, then of 2,500. A third level would merge for longer than an event loop may wait. */
const LEVELS = 2;
/** The entries after the snapshot, merged in levels as they come, so that a join sends few messages. */
export class Tail {
  /** Blocks of the highest level (oldest) first; the last array holds the newest. Null without any: most documents are idle. */
  #levels: Block[][] | null = null;
  #bytes = 0;
  /** Null unless somebody has joined lately. */
  #frames: TailFrames | null = null;

  get bytes(): number {
    return this.#bytes;
  }

  /** With what is kept for joins. */
  get memoryBytes(): number {
    return this.#bytes + (this.#frames?.bytes ?? 0);
  }

  get lastSeq(): number {
    return this.#levels?.findLast((blocks) => blocks.length > 0)?.at(-1)?.lastSeq ?? 0;
  }

  push(block: Block): void {
    this.#bytes += block.update.length;
    this.#levels ??= Array.from({ length: LEVELS + 1 }, () => []);
    this.#pushAt(this.#levels, LEVELS, block);
  }

  #pushAt(levels: Block[][], level: number, block: Block): void {
    const blocks = levels[level]!;
    blocks.push(block);
    if (level === 0 || blocks.length < BLOCKS_PER_MERGE) return;
    levels[level] = [];
    const updates = blocks.map(({ update }) => update);
    // Larger blocks stay as they are: merging them costs time and saves nothing.
    if (mergingWeightOfAll(updates, MAX_MERGE_WEIGHT) > MAX_MERGE_WEIGHT) {
      moveUp(levels, level, blocks);
      return;
    }
    const update = mergeInLevels(updates);
    this.#bytes += update.length - sumBytes(blocks);
    this.#pushAt(levels, level - 1, { lastSeq: block.lastSeq, update });
  }

  /** The blocks that hold entries after `seq`, in order. The first may hold some before it too. */
  after(seq: number): Block[] {
    return (this.#levels ?? []).flat().filter((block) => block.lastSeq > seq);
  }

  /** Blocks of this tail as messages, like `TailFrames.of`. */
  frames(codec: Codec, blocks: readonly Block[], ends: boolean): Uint8Array[] {
    if (blocks.length === 0) return [];
    if (this.#frames?.codec !== codec) this.#frames = new TailFrames(codec);
    return this.#frames.of(blocks, ends);
  }

  /** Called about once a second: lets go of what was kept for joins when they are over. */
  sweep(): void {
    if (this.#frames?.sweep(this.after(0)) === false) this.#frames = null;
  }

  /** Forgets the blocks that hold nothing after `seq`. */
  trim(seq: number): void {
    const levels = (this.#levels ?? []).map((blocks) => blocks.filter((block) => block.lastSeq > seq));
    this.#bytes = sumBytes(levels.flat());
    this.#levels = this.#bytes === 0 ? null : levels;
  }
}

function sumBytes(blocks: readonly Block[]): number {
  return blocks.reduce((sum, block) => sum + block.update.length, 0);
}

/** Blocks too large to merge go to the top as they are, behind what must come before them. */
function moveUp(levels: Block[][], level: number, blocks: readonly Block[]): void {
  for (let above = 1; above < level; above++) {
    levels[0]!.push(...levels[above]!);
    levels[above] = [];
  }
  levels[0]!.push(...blocks);
}
