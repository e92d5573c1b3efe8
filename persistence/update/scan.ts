import { type Numbers, readDeleteRanges } from './delete-set.ts';
import { Dependencies } from './dependencies.ts';
import { checkTypeDepth } from './type-depth.ts';
import { defaultScanLimits, noClient, StructReader, structKind, type ScanLimits } from './struct-reader.ts';

export { defaultScanLimits, noScanLimits, type ScanLimits } from './struct-reader.ts';

/** What an update says about itself. Clock ranges are half open, [start, end). */
export interface UpdateFacts {
  /**
   * The clocks that it brings: flat triples client, start, end. Clients descend, the ranges of a client ascend and do
   * not touch. A Skip brings nothing.
   */
  readonly intervals: Numbers;
  /** What it deletes: flat triples client, start, end. The ranges of a client stand together, ascend and do not touch. */
  readonly deletes: Numbers;
  /**
   * What it builds on without bringing it: flat pairs client, clock, a client at most once. One clock is enough, for
   * nobody has it without all before it; and what an interval implies, for it builds on everything before its start, need
   * not be named. What waits for something in the update itself that waits for it is named, too.
   */
  readonly dependencies: Numbers;
  /** Where the delete set begins, in bytes. Everything before it is structs. */
  readonly deleteSetOffset: number;
  readonly structCount: number;
}

/** Facts as `scanUpdate` makes them. From another thread they come in arrays that are handed over without a copy. */
export interface ScannedFacts extends UpdateFacts {
  readonly intervals: readonly number[];
  readonly dependencies: readonly number[];
}

/**
 * Reads an update of format V1 once and checks it, so that Yjs can be trusted with it: applying, merging and diffing what
 * passes neither throws nor hangs, with two exceptions that depend on the document and are left to compaction: structs that
 * contradict others of the same id, and types that nest deeper and deeper over many updates.
 *
 * Also refused: structs of one update that wait for each other, which would stay pending for ever.
 *
 * @throws MalformedUpdateError
 */
export function scanUpdate(update: Uint8Array, limits: ScanLimits = defaultScanLimits): ScannedFacts {
  const reader = new StructReader(update, limits);
  const intervals: number[] = [];
  const dependencies = new Dependencies();
  let nestedCount = 0;
  while (reader.nextClient()) {
    dependencies.nextClient();
    let end = -1;
    while (reader.nextStruct()) {
      if (reader.kind === structKind.skip) continue;
      const { client, clock } = reader;
      if (clock === end) intervals[intervals.length - 1] = clock + reader.length;
      else intervals.push(client, clock, clock + reader.length);
      end = clock + reader.length;
      if (reader.kind === structKind.gc) continue;
      const { originClient, rightClient, parentClient } = reader;
      if (originClient !== client && originClient !== noClient) {
        dependencies.add(client, clock, originClient, reader.originClock);
      }
      if (rightClient !== client && rightClient !== noClient) {
        dependencies.add(client, clock, rightClient, reader.rightClock);
      }
      if (parentClient !== noClient) {
        nestedCount++;
        if (parentClient !== client) dependencies.add(client, clock, parentClient, reader.parentClock);
      }
    }
  }
  const deleteSetOffset = reader.pos;
  const deletes = readDeleteRanges(reader, limits);
  if (reader.pos < reader.end) reader.fail('trailing-bytes');
  const { missing, circular } = dependencies.resolve(intervals);
  if (circular && !limits.allowCircles) reader.fail('bad-origin');
  // Each level takes a struct that names its parent: fewer of these than levels allowed cannot be too deep.
  if (nestedCount > limits.maxTypeDepth) checkTypeDepth(update, reader.structCount, limits);
  return { intervals, deletes, dependencies: missing, deleteSetOffset, structCount: reader.structCount };
}
