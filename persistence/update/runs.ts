import { noClient, noScanLimits, StructReader, structKind } from './struct-reader.ts';

/** Adjacent structs of one client that integrate together. */
export interface Run {
  readonly client: number;
  readonly clock: number;
  /** The clock after the last struct (exclusive). */
  end: number;
  structCount: number;
  /**
   * A copy of the structs from the update, one character per byte, so that the update can be freed. An array would take
   * 200 bytes more.
   */
  data: string;
  /**
   * Flat pairs (client, clock): the structs of other clients that the first struct of the run needs to integrate. The
   * other structs need nothing further. A run also depends on everything before it in its own client, which is not
   * listed.
   */
  readonly dependencies: readonly number[];
}

const noDependencies: readonly number[] = Object.freeze([]);

/**
 * The runs of a scanned update with gaps, in the order of the update, with their dependencies. This is a second, slower
 * pass. Skips end a run and are left out.
 */
export function scanRuns(update: Uint8Array): Run[] {
  const reader = new StructReader(update, noScanLimits);
  const runs: Run[] = [];
  /** Byte offsets in the update: start and end of each run. */
  const offsets: number[] = [];
  while (reader.nextClient()) {
    let run: Run | undefined;
    /** How far the run reaches into each other client. */
    let reach: Map<number, number> | undefined;
    while (reader.nextStruct()) {
      if (reader.kind === structKind.skip) {
        run = reach = undefined;
        continue;
      }
      const needed = reader.kind === structKind.gc ? undefined : dependencies(reader, reach);
      if (needed !== undefined) {
        reach ??= new Map();
        for (let i = 0; i < needed.length; i += 2) reach.set(needed[i] as number, needed[i + 1] as number);
      }
      if (run === undefined || needed !== undefined) {
        const { client, clock } = reader;
        run = { client, clock, end: clock, structCount: 0, data: '', dependencies: needed ?? noDependencies };
        runs.push(run);
        offsets.push(reader.start, reader.start);
      }
      run.end = reader.clock + reader.length;
      run.structCount++;
      offsets[offsets.length - 1] = reader.pos;
    }
  }
  const bytes = Buffer.from(update.buffer, update.byteOffset, update.length);
  for (const [i, run] of runs.entries()) run.data = bytes.toString('latin1', offsets[2 * i], offsets[2 * i + 1]);
  return runs;
}

/** The structs of other clients that the current item needs beyond `reach`; undefined if there are none. */
function dependencies(reader: StructReader, reach: ReadonlyMap<number, number> | undefined): number[] | undefined {
  let needed: number[] | undefined;
  const { client: own, originClient, rightClient, parentClient } = reader;
  if (originClient !== own && originClient !== noClient && reader.originClock > (reach?.get(originClient) ?? -1)) {
    needed = [originClient, reader.originClock];
  }
  if (rightClient !== own && rightClient !== noClient && reader.rightClock > (reach?.get(rightClient) ?? -1)) {
    if (needed === undefined) needed = [rightClient, reader.rightClock];
    else if (originClient === rightClient) needed[1] = Math.max(reader.originClock, reader.rightClock);
    else needed.push(rightClient, reader.rightClock);
  }
  if (parentClient !== own && parentClient !== noClient && reader.parentClock > (reach?.get(parentClient) ?? -1)) {
    needed = [parentClient, reader.parentClock];
  }
  return needed;
}
