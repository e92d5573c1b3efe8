import { noClient, StructReader, structKind, type ScanLimits } from './struct-reader.ts';

/** A struct whose depth is not known yet. */
const unknown = -1;

/**
 * Refuses an update in which shared types nest deeper than `limits.maxTypeDepth`. A second pass with a table of all
 * structs, so only for updates in which that is possible at all. They must not hold circles.
 *
 * An item lies as deep as its neighbour, or one deeper than the parent that it names. What is not in the update counts as
 * lying at the top.
 *
 * @throws MalformedUpdateError 'too-deep'
 */
export function checkTypeDepth(update: Uint8Array, limits: ScanLimits): void {
  const table = readLinks(update, limits);
  const depths = new Int32Array(table.clocks.length).fill(unknown);
  const stack: number[] = [];
  for (let index = 0; index < depths.length; index++) {
    stack.push(index);
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const target = find(table, table.linkClients[top] as number, table.linkClocks[top] as number);
      const above = target === -1 ? 0 : (depths[target] as number);
      if (above === unknown) {
        stack.push(target);
        continue;
      }
      const depth = above + (table.steps[top] as number);
      if (depth > limits.maxTypeDepth) new StructReader(update, limits).fail('too-deep');
      depths[top] = depth;
      stack.pop();
    }
  }
}

/** Per struct, in the order of the update: its clock, the id that its depth follows from, and how much deeper it lies. */
interface LinkTable {
  readonly clocks: number[];
  readonly linkClients: number[];
  readonly linkClocks: number[];
  readonly steps: number[];
  /** Per client, where its structs stand: [start, end). */
  readonly spans: Map<number, readonly [start: number, end: number]>;
}

function readLinks(update: Uint8Array, limits: ScanLimits): LinkTable {
  const table: LinkTable = { clocks: [], linkClients: [], linkClocks: [], steps: [], spans: new Map() };
  const reader = new StructReader(update, limits);
  while (reader.nextClient()) {
    const start = table.clocks.length;
    while (reader.nextStruct()) {
      const isItem = reader.kind !== structKind.gc && reader.kind !== structKind.skip;
      const byOrigin = reader.originClient !== noClient;
      const byRight = !byOrigin && reader.rightClient !== noClient;
      table.clocks.push(reader.clock);
      table.linkClients.push(byOrigin ? reader.originClient : byRight ? reader.rightClient : reader.parentClient);
      table.linkClocks.push(byOrigin ? reader.originClock : byRight ? reader.rightClock : reader.parentClock);
      table.steps.push(isItem && reader.parentClient !== noClient ? 1 : 0);
    }
    table.spans.set(reader.client, [start, table.clocks.length]);
  }
  return table;
}

/** The struct that holds an id, or -1. */
function find(table: LinkTable, client: number, clock: number): number {
  const span = table.spans.get(client);
  if (span === undefined) return -1;
  let [low, high] = span;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((table.clocks[middle] as number) <= clock) low = middle + 1;
    else high = middle;
  }
  return low === span[0] ? -1 : low - 1;
}
