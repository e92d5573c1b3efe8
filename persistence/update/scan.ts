import { readDeleteRanges } from './delete-set.ts';
import type { Numbers } from './delete-set.ts';
import { Dependencies } from './dependencies.ts';
import { checkTypeDepth } from './type-depth.ts';
import { defaultScanLimits, noClient, StructReader, structKind } from './struct-reader.ts';
import type { ScanLimits } from './struct-reader.ts';

export { defaultScanLimits, noScanLimits, type ScanLimits } from './struct-reader.ts';

/** The content of an update in numbers. Clock ranges are half open: [start, end). */
export interface UpdateFacts {
  /**
   * The clocks that the update brings, as flat triples (client, start, end). Clients descend; the ranges of a client
   * ascend and are not adjacent. A Skip brings nothing.
   */
  readonly intervals: Numbers;
  /**
   * The deletions, as flat triples (client, start, end). The ranges of a client are together, ascend and are not
   * adjacent.
   */
  readonly deletes: Numbers;
  /**
   * Structs that the update builds on but does not contain, as flat pairs (client, clock), each client at most once.
   * One clock is enough because a document that has it also has all earlier ones. An interval builds on everything
   * before its start, which is not listed. Structs of the update that wait for each other are listed too.
   */
  readonly dependencies: Numbers;
  /** Byte offset of the delete set. All bytes before it are structs. */
  readonly deleteSetOffset: number;
  readonly structCount: number;
}

/** Facts as `scanUpdate` creates them. Facts from another thread use arrays that are transferred and not copied. */
export interface ScannedFacts extends UpdateFacts {
  readonly intervals: readonly number[];
  readonly dependencies: readonly number[];
}

/**
 * Reads an update of format V1 once and checks it, so that it is safe to pass to Yjs: applying, merging and diffing an
 * accepted update neither throws nor hangs. There are two exceptions, which depend on the document and are left to
 * compaction: structs that contradict others with the same id, and types that nest deeper and deeper over many updates.
 *
 * Also rejects structs of one update that wait for each other, because they would be pending for ever.
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
  // Each level needs a struct that names its parent. With fewer such structs than allowed levels, the depth is within
  // limits.
  if (nestedCount > limits.maxTypeDepth) checkTypeDepth(update, reader.structCount, limits);
  return { intervals, deletes, dependencies: missing, deleteSetOffset, structCount: reader.structCount };
}
