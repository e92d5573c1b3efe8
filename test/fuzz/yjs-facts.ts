import assert from 'node:assert/strict';
import * as Y from 'yjs';
import type { ScannedFacts } from '../../persistence/update/scan.ts';

/** Compares the facts that the scan found in an update with those that Yjs decodes. */
export function compareFacts(facts: ScannedFacts, update: Uint8Array): void {
  const { structs, ds } = Y.decodeUpdate(update);
  assert.equal(facts.structCount, structs.length, 'another number of structs');
  assert.deepEqual(facts.intervals, intervalsOf(structs), 'other intervals');
  assert.deepEqual(facts.deletes, deletesOf(ds), 'other deletes');
  assert.deepEqual(needs(facts.dependencies, facts), needs(linksOf(structs, facts), facts), 'other dependencies');
  const head = Buffer.concat([update.subarray(0, facts.deleteSetOffset), Uint8Array.of(0)]);
  assert.equal(Y.decodeUpdate(head).structs.length, structs.length, 'the delete set begins elsewhere');
  const { from, to } = Y.parseUpdateMeta(update);
  assert.deepEqual({ from, to }, endsOf(structs), 'other beginnings or ends');
  assertAscending(facts.intervals, 'intervals that meet or descend');
  assertAscending(facts.deletes, 'deletes that meet or descend');
  for (let i = 0; i < facts.intervals.length; i += 3) {
    const [client = 0, start = 0, end = 0] = facts.intervals.slice(i, i + 3);
    assert.ok((from.get(client) ?? Infinity) <= start && end <= (to.get(client) ?? 0), 'an interval beyond the ends');
  }
}

/** Asserts that flat triples (client, start, end) are grouped by client, ascend, and do not touch. */
export function assertAscending(flat: readonly number[], what: string): void {
  const seen = new Set<number>();
  for (let i = 0; i < flat.length; i += 3) {
    const [client = 0, start = 0, end = 0] = flat.slice(i, i + 3);
    assert.ok(start < end, what);
    if (i > 0 && flat[i - 3] === client) assert.ok((flat[i - 1] ?? 0) < start, what);
    else assert.ok(!seen.has(client), what);
    seen.add(client);
  }
}

/** Whether a part of the update must wait in an empty document. */
export function hasGap({ intervals, dependencies }: ScannedFacts): boolean {
  if (dependencies.length > 0) return true;
  for (let i = 0; i < intervals.length; i += 3) if (intervals[i + 1] !== 0) return true;
  return false;
}

type Struct = Y.Item | Y.GC | Y.Skip;

function intervalsOf(structs: readonly Struct[]): number[] {
  const intervals: number[] = [];
  for (const { id, length, constructor } of structs) {
    if (constructor === Y.Skip) continue;
    if (intervals.at(-3) === id.client && intervals.at(-1) === id.clock) intervals.splice(-1, 1, id.clock + length);
    else intervals.push(id.client, id.clock, id.clock + length);
  }
  return intervals;
}

function deletesOf({ clients }: ReturnType<typeof Y.decodeUpdate>['ds']): number[] {
  return [...clients].flatMap(([client, ranges]) => {
    const flat: number[] = [];
    for (const { clock, len } of ranges) {
      if (flat.at(-1) === clock) flat.splice(-1, 1, clock + len);
      else flat.push(client, clock, clock + len);
    }
    return flat;
  });
}

/** Flat pairs (client, clock): the structs of other clients that the update needs and does not contain. */
function linksOf(structs: readonly Struct[], { intervals }: ScannedFacts): number[] {
  const brought = (client: number, clock: number): boolean => {
    for (let i = 0; i < intervals.length; i += 3) {
      const [owner, start = 0, end = 0] = intervals.slice(i, i + 3);
      if (owner === client && start <= clock && clock < end) return true;
    }
    return false;
  };
  const links: number[] = [];
  for (const struct of structs) {
    if (!(struct instanceof Y.Item)) continue;
    for (const id of [struct.origin, struct.rightOrigin, struct.parent instanceof Y.ID ? struct.parent : null]) {
      if (id === null || id.client === struct.id.client || brought(id.client, id.clock)) continue;
      links.push(id.client, id.clock);
    }
  }
  return links;
}

/** The clock up to which each client must be known. An interval needs everything before it. */
function needs(links: readonly number[], { intervals }: ScannedFacts): Map<number, number> {
  const known = new Map<number, number>();
  const raise = (client: number, clock: number): void => {
    if (clock > (known.get(client) ?? 0)) known.set(client, clock);
  };
  for (let i = 0; i < links.length; i += 2) raise(links[i] ?? 0, (links[i + 1] ?? 0) + 1);
  for (let i = 0; i < intervals.length; i += 3) raise(intervals[i] ?? 0, intervals[i + 1] ?? 0);
  return new Map([...known].sort(([a], [b]) => a - b));
}

/** The first clock and the end of each client, Skips included. */
function endsOf(structs: readonly Struct[]): { from: Map<number, number>; to: Map<number, number> } {
  const from = new Map<number, number>();
  const to = new Map<number, number>();
  for (const { id, length } of structs) {
    if (!from.has(id.client)) from.set(id.client, id.clock);
    to.set(id.client, id.clock + length);
  }
  return { from, to };
}
