import { type DeleteSection, encodeDeleteSections, type Numbers, readDeleteSections } from './delete-set.ts';
import { Reader } from './reader.ts';
import { noScanLimits } from './struct-reader.ts';

/** The ranges of one client: pairs start, end, ascending, never touching. */
interface Ranges {
  data: Uint32Array;
  /** Numbers in use; two a range. */
  used: number;
}

/** So many ranges are put among others one by one; more are merged in one pass, which takes an array of their own. */
const fewRanges = 4;

/** Steps that a cursor takes before it searches. */
const cursorSteps = 8;

/** Ranges of one client that ascend: they begin at [from, from + stride, ...], each followed by its end, before `to`. */
interface RangeList {
  readonly numbers: Numbers | Uint32Array;
  readonly from: number;
  readonly to: number;
  readonly stride: number;
}

/** Per client a set of clocks, as half-open ranges [start, end). Eight bytes a range; clocks up to 2^32 - 1. */
export class RangeSet {
  #clients: Map<number, Ranges> | undefined;
  #rangeCount = 0;
  /** The delete set as it was last encoded: every client that comes back gets it. */
  #encoded: Uint8Array | undefined;

  /** From flat triples client, start, end. */
  static from(flat: Numbers): RangeSet {
    const set = new RangeSet();
    set.addAll(flat);
    return set;
  }

  /** From a delete set of format V1. @throws MalformedUpdateError */
  static decodeDeleteSet(bytes: Uint8Array): RangeSet {
    const reader = new Reader(bytes);
    const set = new RangeSet();
    for (const { client, pairs, used } of readDeleteSections(reader, noScanLimits)) {
      (set.#clients ??= new Map()).set(client, { data: pairs, used });
      set.#rangeCount += used / 2;
    }
    if (reader.pos < reader.end) reader.fail('trailing-bytes');
    return set;
  }

  get isEmpty(): boolean {
    return this.#clients === undefined || this.#clients.size === 0;
  }

  get clientCount(): number {
    return this.#clients?.size ?? 0;
  }

  get rangeCount(): number {
    return this.#rangeCount;
  }

  /** Returns whether any of it is new. */
  add(client: number, start: number, end: number): boolean {
    if (start >= end) return false;
    this.#clients ??= new Map();
    const ranges = this.#clients.get(client);
    if (ranges === undefined) {
      this.#encoded = undefined;
      this.#clients.set(client, { data: Uint32Array.of(start, end), used: 2 });
      this.#rangeCount++;
      return true;
    }
    const before = ranges.used;
    if (!extend(ranges, start, end)) return false;
    this.#rangeCount += (ranges.used - before) / 2;
    this.#encoded = undefined;
    return true;
  }

  /**
   * Adds flat triples client, start, end. Returns whether any of it is new. Takes one pass over the triples, and over what is
   * known between the first and the last of a client, if those of a client stand together and ascend.
   */
  addAll(flat: Numbers): boolean {
    let anyNew = false;
    for (let from = 0, to = 0; from < flat.length; from = to) {
      to = groupEnd(flat, from);
      if (to - from <= 3 * fewRanges || !ascends(flat, from, to)) {
        for (let i = from; i < to; i += 3) {
          if (this.add(flat[i] as number, flat[i + 1] as number, flat[i + 2] as number)) anyNew = true;
        }
      } else {
        const list = { numbers: flat, from: from + 1, to: to + 1, stride: 3 };
        if (this.#addMany(flat[from] as number, list)) anyNew = true;
      }
    }
    return anyNew;
  }

  /** Adds everything that another set holds. */
  addSet(other: RangeSet): void {
    for (const [client, { data, used }] of other.#clients ?? []) {
      this.#addMany(client, { numbers: data, from: 0, to: used, stride: 2 });
    }
  }

  #addMany(client: number, list: RangeList): boolean {
    this.#clients ??= new Map();
    const ranges = this.#clients.get(client) ?? { data: new Uint32Array(0), used: 0 };
    const before = ranges.used;
    if (!merge(ranges, list)) return false;
    this.#clients.set(client, ranges);
    this.#rangeCount += (ranges.used - before) / 2;
    this.#encoded = undefined;
    return true;
  }

  /** Whether all of it is in the set; of nothing, always. */
  contains(client: number, start: number, end: number): boolean {
    return new RangeCursor(this.#clients).contains(client, start, end);
  }

  /** For asking about many ranges. Not to be used after the set has changed. */
  cursor(): RangeCursor {
    return new RangeCursor(this.#clients);
  }

  /** Whether every clock of the other set is in this one. */
  covers(other: RangeSet): boolean {
    const cursor = this.cursor();
    for (const [client, { data, used }] of other.#clients ?? []) {
      for (let i = 0; i < used; i += 2)
        if (!cursor.contains(client, data[i] as number, data[i + 1] as number)) return false;
    }
    return true;
  }

  equals(other: RangeSet): boolean {
    return this.covers(other) && other.covers(this);
  }

  /** The part of flat triples client, start, end that is not in this set, again as flat triples; the same array if that is all of it. */
  missing(flat: Numbers): Numbers {
    if (this.#hasNoneOf(flat)) return flat;
    const result: number[] = [];
    const cursor = this.cursor();
    for (let i = 0; i < flat.length; i += 3) {
      cursor.pushMissing(flat[i] as number, flat[i + 1] as number, flat[i + 2] as number, result);
    }
    return result;
  }

  #hasNoneOf(flat: Numbers): boolean {
    if (this.isEmpty) return true;
    const cursor = this.cursor();
    for (let i = 0; i < flat.length; i += 3) {
      if (cursor.meets(flat[i] as number, flat[i + 1] as number, flat[i + 2] as number)) return false;
    }
    return true;
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

  /** How many ranges of the client end beyond this clock. */
  rangesBeyond(client: number, clock: number): number {
    const ranges = this.#clients?.get(client);
    return ranges === undefined ? 0 : (ranges.used - firstEndingAfter(ranges, clock)) / 2;
  }

  deleteClient(client: number): void {
    this.#encoded = undefined;
    this.#rangeCount -= (this.#clients?.get(client)?.used ?? 0) / 2;
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
      copy.#rangeCount = this.#rangeCount;
    }
    return copy;
  }

  /**
   * As a delete set of format V1, the highest client first, as Yjs writes it. Not to be changed: it is the same array until
   * the set changes.
   */
  encodeDeleteSet(): Uint8Array {
    if (this.#encoded === undefined) {
      const sections: DeleteSection[] = [];
      for (const [client, { data, used }] of this.#clients ?? []) sections.push({ client, pairs: data, used });
      this.#encoded = encodeDeleteSections(sections);
    }
    return this.#encoded;
  }
}

/** Asks a set about ranges. Those of a client that stand together and ascend are answered in one pass over what is known. */
export class RangeCursor {
  readonly #clients: ReadonlyMap<number, Ranges> | undefined;
  #client = -1;
  #ranges: Ranges | undefined;
  /** No range before this offset ends after the clock that was asked about last. */
  #at = 0;
  #clock = 0;

  constructor(clients: ReadonlyMap<number, Ranges> | undefined) {
    this.#clients = clients;
  }

  /** As `RangeSet.contains`. */
  contains(client: number, start: number, end: number): boolean {
    if (start >= end) return true;
    const ranges = this.#seek(client, start);
    if (ranges === undefined || this.#at >= ranges.used) return false;
    return (ranges.data[this.#at] as number) <= start && end <= (ranges.data[this.#at + 1] as number);
  }

  /** Whether any clock of [start, end) is in the set. */
  meets(client: number, start: number, end: number): boolean {
    const ranges = this.#seek(client, start);
    return ranges !== undefined && this.#at < ranges.used && (ranges.data[this.#at] as number) < end;
  }

  /** Pushes what of [start, end) is not in the set as flat triples client, start, end. */
  pushMissing(client: number, start: number, end: number, into: number[]): void {
    const ranges = this.#seek(client, start);
    let from = start;
    if (ranges !== undefined) {
      const { data, used } = ranges;
      for (let at = this.#at; at < used && from < end; at += 2) {
        const knownStart = data[at] as number;
        if (knownStart >= end) break;
        if (from < knownStart) into.push(client, from, knownStart);
        from = data[at + 1] as number;
      }
    }
    if (from < end) into.push(client, from, end);
  }

  /** Goes to the first range of the client that ends after `clock`. */
  #seek(client: number, clock: number): Ranges | undefined {
    if (client !== this.#client) {
      this.#client = client;
      this.#ranges = this.#clients?.get(client);
      this.#at = 0;
      if (this.#ranges !== undefined) this.#at = firstEndingAfter(this.#ranges, clock);
    } else if (this.#ranges !== undefined) {
      this.#at = nextEndingAfter(this.#ranges, clock, clock < this.#clock ? 0 : this.#at);
    }
    this.#clock = clock;
    return this.#ranges;
  }
}

/** Where the triples of the client end that begin at `from`. */
function groupEnd(flat: Numbers, from: number): number {
  const client = flat[from];
  let to = from + 3;
  while (to < flat.length && flat[to] === client) to += 3;
  return to;
}

function ascends(flat: Numbers, from: number, to: number): boolean {
  for (let i = from; i < to; i += 3) {
    if ((flat[i + 1] as number) >= (flat[i + 2] as number)) return false;
    if (i > from && (flat[i + 1] as number) < (flat[i - 2] as number)) return false;
  }
  return true;
}

/** Offset of the first range whose end lies beyond `clock`, from `from` on; `used` if there is none. */
function firstEndingAfter({ data, used }: Ranges, clock: number, from = 0): number {
  let low = from >>> 1;
  let high = used >>> 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((data[middle * 2 + 1] as number) > clock) high = middle;
    else low = middle + 1;
  }
  return low * 2;
}

/** The same for an offset that is probably near. */
function nextEndingAfter(ranges: Ranges, clock: number, from: number): number {
  const { data, used } = ranges;
  let at = from;
  for (let step = 0; step < cursorSteps; step++, at += 2) {
    if (at >= used || (data[at + 1] as number) > clock) return Math.min(at, used);
  }
  return firstEndingAfter(ranges, clock, at);
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
  const from = firstTouching(ranges, start);
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

/** Offset of the first range that ends at `clock` or after it. */
function firstTouching(ranges: Ranges, clock: number): number {
  return clock === 0 ? 0 : firstEndingAfter(ranges, clock - 1);
}

/** Offset of the first range that begins after `clock`; `used` if there is none. */
function firstStartingAfter(ranges: Ranges, clock: number): number {
  const at = firstEndingAfter(ranges, clock);
  return at < ranges.used && (ranges.data[at] as number) <= clock ? at + 2 : at;
}

/** Replaces the numbers [from, to) by one range. */
function splice(ranges: Ranges, from: number, to: number, start: number, end: number): void {
  makeRoom(ranges, from, to, 2);
  ranges.data[from] = start;
  ranges.data[from + 1] = end;
}

/** Puts `count` numbers that are still to be written in the place of the numbers [from, to). */
function makeRoom(ranges: Ranges, from: number, to: number, count: number): void {
  const { data, used } = ranges;
  const nextUsed = used - (to - from) + count;
  let target = data;
  if (nextUsed > data.length) {
    // Grows by half: a client's first ranges stay small, and 10,000 of them are not copied 10,000 times.
    target = new Uint32Array(Math.max(8, nextUsed + (used >>> 2) * 2));
    target.set(data.subarray(0, from));
  }
  if (target !== data || to !== from + count) target.set(data.subarray(to, used), from + count);
  ranges.data = target;
  ranges.used = nextUsed;
}

/** Adds a list of ranges in one pass. Returns whether any of it is new. */
function merge(ranges: Ranges, { numbers, from, to, stride }: RangeList): boolean {
  const { data } = ranges;
  // What lies wholly before the first range of the list, or behind the last one, stays as it is.
  const first = firstTouching(ranges, numbers[from] as number);
  const last = firstStartingAfter(ranges, numbers[to - stride + 1] as number);
  const merged = new Uint32Array(((to - from) / stride) * 2 + last - first);
  let known = first;
  let count = 0;
  let end = -1;
  for (let i = from; i < to;) {
    const isKnown = known < last && (data[known] as number) <= (numbers[i] as number);
    const nextStart = (isKnown ? data[known] : numbers[i]) as number;
    const nextEnd = (isKnown ? data[known + 1] : numbers[i + 1]) as number;
    if (isKnown) known += 2;
    else i += stride;
    if (nextStart > end) {
      merged[count++] = nextStart;
      merged[count++] = nextEnd;
      end = nextEnd;
    } else if (nextEnd > end) {
      merged[count - 1] = end = nextEnd;
    }
  }
  if (known < last) merged[count - 1] = Math.max(end, data[last - 1] as number);
  if (count === last - first && equal(data, first, merged, count)) return false;
  makeRoom(ranges, first, last, count);
  ranges.data.set(merged.subarray(0, count), first);
  return true;
}

function equal(data: Uint32Array, from: number, others: Uint32Array, count: number): boolean {
  for (let i = 0; i < count; i++) if (data[from + i] !== others[i]) return false;
  return true;
}
