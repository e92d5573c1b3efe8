import { createEncoder, toUint8Array, writeUint8Array, writeVarUint } from 'lib0/encoding';
import type { Encoder } from 'lib0/encoding';
import type { Run } from './runs.ts';
import { structKind } from './struct-reader.ts';

/**
 * Encodes runs as updates that together bring the same structs. The runs of each client must ascend by both start and
 * end. Returns two updates at most: runs may overlap, and merging thousands of updates would take too long.
 */
export function encodeRuns(runs: readonly Run[]): Uint8Array[] {
  const byClient = new Map<number, Run[]>();
  for (const run of runs) {
    const others = byClient.get(run.client);
    if (others === undefined) byClient.set(run.client, [run]);
    else others.push(run);
  }
  const layers: [Run[][], Run[][]] = [[], []];
  // The highest client first, as Yjs does.
  for (const ofClient of [...byClient.values()].sort((a, b) => b[0]!.client - a[0]!.client)) {
    for (const [layer, section] of apart(cover(ofClient)).entries())
      if (section.length > 0) layers[layer]!.push(section);
  }
  return layers.filter((sections) => sections.length > 0).map(encodeSections);
}

/** Leaves out runs that other runs cover. Of three consecutive runs, the first and the last then do not touch. */
function cover(runs: readonly Run[]): Run[] {
  let end = 0;
  return runs.filter((run, i) => {
    const next = runs[i + 1];
    if (next !== undefined && next.clock <= end) return false;
    end = run.end;
    return true;
  });
}

/** Splits runs into two lists without overlaps inside each. */
function apart(runs: readonly Run[]): [Run[], Run[]] {
  const [first, second]: [Run[], Run[]] = [[], []];
  for (const run of runs) (run.clock >= (first.at(-1)?.end ?? 0) ? first : second).push(run);
  return [first, second];
}

/** An update of runs that do not overlap, with one section per client. */
function encodeSections(sections: readonly Run[][]): Uint8Array {
  const encoder = createEncoder();
  writeVarUint(encoder, sections.length);
  for (const runs of sections) writeSection(encoder, runs);
  writeVarUint(encoder, 0);
  return toUint8Array(encoder);
}

function writeSection(encoder: Encoder, runs: readonly Run[]): void {
  const { client, clock } = runs[0]!;
  const skips = runs.filter((run, i) => i > 0 && runs[i - 1]!.end < run.clock).length;
  writeVarUint(
    encoder,
    runs.reduce((sum, run) => sum + run.structCount, skips),
  );
  writeVarUint(encoder, client);
  writeVarUint(encoder, clock);
  let end = clock;
  for (const run of runs) {
    if (run.clock > end) {
      writeVarUint(encoder, structKind.skip);
      writeVarUint(encoder, run.clock - end);
    }
    writeUint8Array(encoder, Buffer.from(run.data, 'latin1'));
    end = run.end;
  }
}
