import { mergeInLevels } from '../../../persistence/update/merge.ts';
import { mergingWeight, mergingWeightOfAll } from '../../../persistence/update/weight.ts';
import { maxMergeWeight } from '../offload.ts';

/**
 * Consecutive entries of the log, merged into one update; or part of one entry, which is sent as several updates if
 * runs had waited for it. All parts of an entry have its sequence number and follow each other. A reader takes all of
 * them.
 */
export interface Segment {
  readonly lastSeq: number;
  readonly update: Uint8Array;
}

/** Merging is linear up to about this many segments. Merging five hundred at once takes 9 ms. */
const segmentsPerMerge = 50;
/** Levels of merging: segments of 50 entries, then of 2,500. A third level would block the event loop for too long. */
const mergeLevels = 2;
/** The most that one call of `mergeSegments` merges: a room may have received much since it last sent. */
const maxWeightPerCall = 2 * maxMergeWeight;

/** The entries after the snapshot. They are merged in levels as they arrive, so that a join sends few messages. */
export class Tail {
  /**
   * The highest level, which holds the oldest segments, comes first. Null if the tail is empty: most documents are
   * idle.
   */
  #levels: Segment[][] | null = null;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  push(segment: Segment): void {
    this.#bytes += segment.update.length;
    this.#levels ??= Array.from({ length: mergeLevels + 1 }, () => []);
    this.#pushAt(this.#levels, mergeLevels, segment);
  }

  #pushAt(levels: Segment[][], level: number, segment: Segment): void {
    const segments = levels[level]!;
    segments.push(segment);
    if (level === 0 || segments.length < segmentsPerMerge) return;
    levels[level] = [];
    const updates = segments.map(updateOf);
    // Merging larger segments costs time and saves nothing.
    if (mergingWeightOfAll(updates, maxMergeWeight) > maxMergeWeight) {
      moveToTop(levels, level, segments);
      return;
    }
    const update = mergeInLevels(updates);
    this.#bytes += update.length - sumBytes(segments);
    this.#pushAt(levels, level - 1, { lastSeq: segment.lastSeq, update });
  }

  /** The segments that hold entries after `seq`, in order. The first one may also hold entries before it. */
  after(seq: number): Segment[] {
    return (this.#levels ?? []).flat().filter((segment) => segment.lastSeq > seq);
  }

  /** Drops the segments that hold no entry after `seq`. */
  trim(seq: number): void {
    const levels = (this.#levels ?? []).map((segments) => segments.filter((segment) => segment.lastSeq > seq));
    this.#bytes = sumBytes(levels.flat());
    this.#levels = this.#bytes === 0 ? null : levels;
  }
}

/**
 * Merges neighbouring segments, but no more than fits into a turn of the event loop: a merged segment weighs
 * `maxMergeWeight` at most, and one call merges `maxWeightPerCall` at most. All other segments stay as they are,
 * in order. The segments of one entry may stay separate, so several neighbours may have the same sequence number.
 */
export function mergeSegments(segments: readonly Segment[]): Segment[] {
  if (segments.length < 2) return [...segments];
  const merged: Segment[] = [];
  let group: Segment[] = [];
  let groupWeight = 0;
  /** The weight of all closed groups of two segments or more. */
  let mergedWeight = 0;
  const closeGroup = (): void => {
    const last = group.at(-1);
    if (last !== undefined) merged.push({ lastSeq: last.lastSeq, update: mergeInLevels(group.map(updateOf)) });
    if (group.length > 1) mergedWeight += groupWeight;
    group = [];
    groupWeight = 0;
  };
  for (const segment of segments) {
    const added = mergingWeight(segment.update, maxMergeWeight);
    const weight = groupWeight + added;
    if (weight > maxMergeWeight || mergedWeight + weight > maxWeightPerCall) closeGroup();
    group.push(segment);
    groupWeight += added;
  }
  closeGroup();
  return merged;
}

function updateOf({ update }: Segment): Uint8Array {
  return update;
}

function sumBytes(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.update.length, 0);
}

/** Moves segments that are too large to merge to the highest level, after all segments that precede them. */
function moveToTop(levels: Segment[][], level: number, segments: readonly Segment[]): void {
  for (let above = 1; above < level; above++) {
    levels[0]!.push(...levels[above]!);
    levels[above] = [];
  }
  levels[0]!.push(...segments);
}
