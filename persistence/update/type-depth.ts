import { noClient, StructReader, structKind } from './struct-reader.ts';
import type { ScanLimits } from './struct-reader.ts';

/** The depth of a struct that is not computed yet. */
const unknown = -1;

/**
 * Rejects an update in which shared types nest deeper than `limits.maxTypeDepth`. This is a second pass with a table of
 * all structs, so it is used only for updates in which such depth is possible. The update must not contain circles.
 *
 * An item has the depth of its neighbour, or one level more than the parent it names. A struct outside the update
 * counts as being at the top.
 *
 * @throws MalformedUpdateError 'type-too-deep'
 */
export function checkTypeDepth(update: Uint8Array, structCount: number, limits: ScanLimits): void {
  const table = readLinks(update, structCount, limits);
  const depths = new Int32Array(structCount).fill(unknown);
  const stack: number[] = [];
  for (let index = 0; index < depths.length; index++) {
    stack.push(index);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const target = find(table, top);
      const above = target === -1 ? 0 : (depths[target] as number);
      if (above === unknown) {
        stack.push(target);
        continue;
      }
      const depth = above + (table.steps[top] as number);
      if (depth > limits.maxTypeDepth) new StructReader(update, limits).fail('type-too-deep');
      depths[top] = depth;
      stack.pop();
    }
  }
}

/** Per struct, in the order of the update: its clock, the id that determines its depth, and how much deeper it is. */
interface LinkTable {
  readonly clocks: Uint32Array;
  /** noClient if no struct of the update determines the depth. */
  readonly linkClients: Float64Array;
  readonly linkClocks: Uint32Array;
  readonly steps: Uint8Array;
  /** Per client, the indices of its structs: [start, end). */
  readonly spans: Map<number, readonly [start: number, end: number]>;
}

function readLinks(update: Uint8Array, structCount: number, limits: ScanLimits): LinkTable {
  const table: LinkTable = {
    clocks: new Uint32Array(structCount),
    linkClients: new Float64Array(structCount).fill(noClient),
    linkClocks: new Uint32Array(structCount),
    steps: new Uint8Array(structCount),
    spans: new Map(),
  };
  const reader = new StructReader(update, limits);
  let index = 0;
  while (reader.nextClient()) {
    const start = index;
    for (; reader.nextStruct(); index++) {
      table.clocks[index] = reader.clock;
      if (reader.kind === structKind.gc || reader.kind === structKind.skip) continue;
      const { originClient, rightClient, parentClient } = reader;
      if (originClient !== noClient) {
        table.linkClients[index] = originClient;
        table.linkClocks[index] = reader.originClock;
      } else if (rightClient !== noClient) {
        table.linkClients[index] = rightClient;
        table.linkClocks[index] = reader.rightClock;
      } else if (parentClient !== noClient) {
        table.linkClients[index] = parentClient;
        table.linkClocks[index] = reader.parentClock;
        table.steps[index] = 1;
      }
    }
    table.spans.set(reader.client, [start, index]);
  }
  return table;
}

/** Index of the struct that contains the id linked by the struct at `index`, or -1. */
function find(table: LinkTable, index: number): number {
  const client = table.linkClients[index] as number;
  if (client === noClient) return -1;
  const span = table.spans.get(client);
  if (span === undefined) return -1;
  const clock = table.linkClocks[index] as number;
  let [low, high] = span;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((table.clocks[middle] as number) <= clock) low = middle + 1;
    else high = middle;
  }
  return low === span[0] ? -1 : low - 1;
}
