import { noClient, StructReader, structKind } from './struct-reader.ts';

/** The structs of an update one by one, in flat arrays. Skips are left out. */
export interface StructList {
  /** Flat quintuples: client, clock, length, size in bytes, and where its dependencies end in `dependencies`. */
  readonly structs: readonly number[];
  /**
   * Flat pairs client, clock: the structs of other clients that a struct builds on, those of one struct together. That it
   * builds on everything before it in its own client goes without saying.
   */
  readonly dependencies: readonly number[];
}

/**
 * A second, slower pass, for updates with gaps: what of it integrates must then be known struct by struct.
 *
 * @throws MalformedUpdateError
 */
export function scanStructs(update: Uint8Array): StructList {
  const reader = new StructReader(update);
  const structs: number[] = [];
  const dependencies: number[] = [];
  while (reader.nextClient()) {
    while (reader.nextStruct()) {
      if (reader.kind === structKind.skip) continue;
      if (reader.kind !== structKind.gc) {
        const { client, originClient, rightClient, parentClient } = reader;
        if (originClient !== client && originClient !== noClient) dependencies.push(originClient, reader.originClock);
        if (rightClient !== client && rightClient !== noClient) dependencies.push(rightClient, reader.rightClock);
        if (parentClient !== client && parentClient !== noClient) dependencies.push(parentClient, reader.parentClock);
      }
      structs.push(reader.client, reader.clock, reader.length, reader.pos - reader.start, dependencies.length);
    }
  }
  return { structs, dependencies };
}
