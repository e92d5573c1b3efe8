import { encodeDeleteRanges, readDeleteRanges } from './delete-set.ts';
import { Reader } from './reader.ts';
import { noScanLimits } from './struct-reader.ts';

/** The ranges of one client: pairs start, end, ascending, never touching. */
interface Ranges {
  data: Uint32Array;
  /** Numbers in use; two a range. */
  used: number;
}

/** Per client a set of clocks, as half-open ranges [start, end). Eight bytes a range; clocks up to 2^32 - 1. */
export class RangeSet {
  #clients: Map<number, Ranges> | undefined;
  /** As a delete set, since it was last asked for: everybody who comes back gets it. */
  #encoded: Uint8Array | undefined;

  /** From flat triples client, start, end. */
  static from(flat: readonly number[]): RangeSet {
    const set = new RangeSet();
    set.addAll(flat);
    return set;
  }

  /** From a delete set of format V1. @throws MalformedUpdateError */
  static decodeDeleteSet(bytes: Uint8Array): RangeSet {
    const reader = new Reader(bytes);
    const ranges = readDeleteRanges(reader, noScanLimits);
    if (reader.pos < reader.end) reader.fail('trailing-bytes');
    return RangeSet.#fromSorted(ranges);
  }

  /** From flat triples, those of a client together, ascending and never touching. Takes half as long as adding one by one. */
  static #fromSorted(flat: readonly number[]): RangeSet {
    const set = new RangeSet();
    for (let start = 0, end = 0; start < flat.length; start = end) {
      const client = flat[start] as number;
      while (flat[end] === client) end += 3;
      const data = new Uint32Array(((end - start) / 3) * 2);
      for (let i = start, at = 0; i < end; i += 3) {
        data[at++] = flat[i + 1] as number;
        data[at++] = flat[i + 2] as number;
      }
      (set.#clients ??= new Map()).set(client, { data, used: data.length });
    }
    return set;
  }

  get isEmpty(): boolean {
    return this.#clients === undefined || this.#clients.size === 0;
  }

  get clientCount(): number {
    return this.#clients?.size ?? 0;
  }

  get rangeCount(): number {
    let count = 0;
    for (const ranges of this.#clients?.values() ?? []) count += ranges.used / 2;
    return count;
  }

  /** Returns whether any of it is new. */
  add(client: number, start: number, end: number): boolean {
    if (start >= end) return false;
    this.#clients ??= new Map();
    const ranges = this.#clients.get(client);
    if (ranges === undefined) {
      this.#encoded = undefined;
      this.#clients.set(client, { data: Uint32Array.of(start, end), used: 2 });
      return true;
    }
    if (!extend(ranges, start, end)) return false;
    this.#encoded = undefined;
    return true;
  }

  /** Adds flat triples client, start, end. Returns whether any of it is new. */
  addAll(flat: readonly number[]): boolean {
    let anyNew = false;
    for (let i = 0; i < flat.length; i += 3) {
      if (this.add(flat[i] as number, flat[i + 1] as number, flat[i + 2] as number)) anyNew = true;
    }
    return anyNew;
  }

  /** Whether all of it is in the set; of nothing, always. */
  contains(client: number, start: number, end: number): boolean {
    if (start >= end) return true;
    const ranges = this.#clients?.get(client);
    if (ranges === undefined) return false;
    const at = firstEndingAfter(ranges, start);
    return at < ranges.used && (ranges.data[at] as number) <= start && end <= (ranges.data[at + 1] as number);
  }

  /** Whether every clock of the other set is in this one. */
  covers(other: RangeSet): boolean {
    for (const [client, { data, used }] of other.#clients ?? []) {
      for (let i = 0; i < used; i += 2)
        if (!this.contains(client, data[i] as number, data[i + 1] as number)) return false;
    }
    return true;
  }

  equals(other: RangeSet): boolean {
    return this.covers(other) && other.covers(this);
  }

  /** The part of flat triples client, start, end that is not in this set, again as flat triples. */
  missing(flat: readonly number[]): number[] {
    const result: number[] = [];
    for (let i = 0; i < flat.length; i += 3) {
      const client = flat[i] as number;
      let start = flat[i + 1] as number;
      const end = flat[i + 2] as number;
      const ranges = this.#clients?.get(client);
      if (ranges !== undefined) {
        for (let at = firstEndingAfter(ranges, start); at < ranges.used && start < end; at += 2) {
          const knownStart = ranges.data[at] as number;
          if (knownStart >= end) break;
          if (start < knownStart) result.push(client, start, knownStart);
          start = ranges.data[at + 1] as number;
        }
      }
      if (start < end) result.push(client, start, end);
    }
    return result;
  }

  /** The clients that have ranges. */
  clients(): Iterable<number> {
    return this.#clients?.keys() ?? [];
  }

  /** The end of the client's last range; 0 if it has none. */
  endOf(client: number): number {
    const ranges = this.#clients?.get(client);
    return ranges === undefined ? 0 : (ranges.data[ranges.used - 1] as number);
  }

  deleteClient(client: number): void {
    this.#encoded = undefined;
    this.#clients?.delete(client);
  }

  /** All ranges as flat triples client, start, end; those of a client stand together, ascending. */
  toFlat(): number[] {
    const flat: number[] = [];
    for (const [client, { data, used }] of this.#clients ?? []) {
      for (let i = 0; i < used; i += 2) flat.push(client, data[i] as number, data[i + 1] as number);
    }
    return flat;
  }

  clone(): RangeSet {
    const copy = new RangeSet();
    if (this.#clients !== undefined) {
      copy.#clients = new Map();
      for (const [client, { data, used }] of this.#clients)
        copy.#clients.set(client, { data: data.slice(0, used), used });
    }
    return copy;
  }

  /**
   * As a delete set of format V1, the highest client first, as Yjs writes it. Not to be changed: it is the same array until
   * the set changes.
   */
  encodeDeleteSet(): Uint8Array {
    return (this.#encoded ??= encodeDeleteRanges(this.toFlat()));
  }
}

/** Offset of the first range whose end lies beyond `clock`; `used` if there is none. */
function firstEndingAfter({ data, used }: Ranges, clock: number): number {
  let low = 0;
  let high = used >>> 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((data[middle * 2 + 1] as number) > clock) high = middle;
    else low = middle + 1;
  }
  return low * 2;
}

/** Adds a range. Returns whether any of it is new. */
function extend(ranges: Ranges, start: number, end: number): boolean {
  const { data, used } = ranges;
  const lastEnd = data[used - 1] as number;
  // The common case: next to the last range, or behind it.
  if (start === lastEnd) {
    data[used - 1] = end;
    return true;
  }
  if (start > lastEnd) {
    splice(ranges, used, used, start, end);
    return true;
  }
  return insert(ranges, start, end);
}

/** Puts a range among others, joined with all that it overlaps or touches. Returns whether any of it is new. */
function insert(ranges: Ranges, start: number, end: number): boolean {
  const { data, used } = ranges;
  const from = start === 0 ? 0 : firstEndingAfter(ranges, start - 1);
  if (from < used && (data[from] as number) <= start && end <= (data[from + 1] as number)) return false;
  let to = from;
  let joinedStart = start;
  let joinedEnd = end;
  while (to < used && (data[to] as number) <= end) {
    joinedStart = Math.min(joinedStart, data[to] as number);
    joinedEnd = Math.max(joinedEnd, data[to + 1] as number);
    to += 2;
  }
  splice(ranges, from, to, joinedStart, joinedEnd);
  return true;
}

/** Replaces the numbers [from, to) by one range. */
function splice(ranges: Ranges, from: number, to: number, start: number, end: number): void {
  const { data, used } = ranges;
  const nextUsed = used - (to - from) + 2;
  let target = data;
  if (nextUsed > data.length) {
    // Grows by half: a client's first ranges stay small, and 10,000 of them are not copied 10,000 times.
    target = new Uint32Array(Math.max(8, nextUsed + (used >>> 2) * 2));
    target.set(data.subarray(0, from));
  }
  if (target !== data || to !== from + 2) target.set(data.subarray(to, used), from + 2);
  target[from] = start;
  target[from + 1] = end;
  ranges.data = target;
  ranges.used = nextUsed;
}
