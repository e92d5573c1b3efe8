import { noClient, StructReader, structKind } from './struct-reader.ts';

/** Neighbouring structs of one client that integrate together. */
export interface Run {
  readonly client: number;
  readonly clock: number;
  /** Exclusive. */
  end: number;
  /** Size of the structs in the update. */
  bytes: number;
  /**
   * Flat pairs client, clock: the structs of other clients without which the first of the run cannot integrate; the
   * others need no more. That a run builds on everything before it in its own client goes without saying.
   */
  readonly dependencies: readonly number[];
}

const noDependencies: readonly number[] = Object.freeze([]);

/**
 * What waits for what in an update with gaps: its runs, in the order of the update. A second, slower pass. Skips are left
 * out; they end a run.
 *
 * @throws MalformedUpdateError
 */
export function scanRuns(update: Uint8Array): Run[] {
  const reader = new StructReader(update);
  const runs: Run[] = [];
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
      const end = reader.clock + reader.length;
      const bytes = reader.pos - reader.start;
      if (run === undefined || needed !== undefined) {
        run = { client: reader.client, clock: reader.clock, end, bytes, dependencies: needed ?? noDependencies };
        runs.push(run);
      } else {
        run.end = end;
        run.bytes += bytes;
      }
    }
  }
  return runs;
}

/** What the current item needs of other clients beyond `reach`. */
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
