import { extend, firstEndingAfter, merge, nextEndingAfter } from './client-ranges.ts';
import type { ClientRanges, RangeList } from './client-ranges.ts';
import { encodeDeleteSections, readDeleteSections } from './delete-set.ts';
import type { DeleteSection, Numbers } from './delete-set.ts';
import { Reader } from './reader.ts';
import { noScanLimits } from './struct-reader.ts';

/** Up to this many ranges are inserted one by one. More are merged in one pass, which allocates an array. */
const fewRanges = 4;

/**
 * A set of clocks per client, stored as half-open ranges [start, end). Takes eight bytes per range; clocks go up to
 * 2^32 - 1.
 */
export class RangeSet {
  #clients: Map<number, ClientRanges> | undefined;
  #rangeCount = 0;
  /** The last encoded delete set, cached because every client that reconnects gets it. */
  #encoded: Uint8Array | undefined;

  /** From flat triples: client, start, end. */
  static from(flat: Numbers): RangeSet {
    const set = new RangeSet();
    set.addAll(flat);
    return set;
  }

  /**
   * From a delete set of format V1.
   * @throws MalformedUpdateError
   */
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

  /** Adds a range. Returns whether any of it is new. */
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
   * Adds flat triples (client, start, end). Returns whether any of it is new. Takes one pass over the triples, and over
   * the known ranges between a client's first and last triple, if the triples of a client are adjacent and ascend.
   */
  addAll(flat: Numbers): boolean {
    let anyNew = false;
    for (let from = 0; from < flat.length;) {
      const { to, ascends } = groupAt(flat, from);
      if (to - from <= 3 * fewRanges || !ascends) {
        for (let i = from; i < to; i += 3) {
          if (this.add(flat[i] as number, flat[i + 1] as number, flat[i + 2] as number)) anyNew = true;
        }
      } else {
        const list = { numbers: flat, from: from + 1, to: to + 1, stride: 3 };
        if (this.#addMany(flat[from] as number, list)) anyNew = true;
      }
      from = to;
    }
    return anyNew;
  }

  /** Adds all ranges of another set. */
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

  /** Whether the whole range is in the set. True for an empty range. */
  contains(client: number, start: number, end: number): boolean {
    return new RangeCursor(this.#clients).contains(client, start, end);
  }

  /** A cursor for queries about many ranges. Invalid after the set has changed. */
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

  /**
   * The part of flat triples (client, start, end) that is not in this set, as flat triples. Returns the same array if
   * nothing is in the set.
   */
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

  /** How many ranges of the client end after this clock. */
  rangesBeyond(client: number, clock: number): number {
    const ranges = this.#clients?.get(client);
    return ranges === undefined ? 0 : (ranges.used - firstEndingAfter(ranges, clock)) / 2;
  }

  deleteClient(client: number): void {
    this.#encoded = undefined;
    this.#rangeCount -= (this.#clients?.get(client)?.used ?? 0) / 2;
    this.#clients?.delete(client);
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
   * Encodes a delete set of format V1, the highest client first, as Yjs does. Must not be modified: the same array is
   * returned until the set changes.
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

/** Answers queries about a set. Adjacent, ascending queries for one client take one pass over its ranges. */
export class RangeCursor {
  readonly #clients: ReadonlyMap<number, ClientRanges> | undefined;
  #client = -1;
  #ranges: ClientRanges | undefined;
  /** No range before this offset ends after the last clock that was queried. */
  #at = 0;
  #clock = 0;

  constructor(clients: ReadonlyMap<number, ClientRanges> | undefined) {
    this.#clients = clients;
  }

  /** See `RangeSet.contains`. */
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

  /** Pushes the part of [start, end) that is not in the set, as flat triples (client, start, end). */
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

  /** Moves to the first range of the client that ends after `clock`. */
  #seek(client: number, clock: number): ClientRanges | undefined {
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

/** The end of the triples of one client that begin at `from`, and whether they ascend and have no empty range. */
function groupAt(flat: Numbers, from: number): { readonly to: number; readonly ascends: boolean } {
  const client = flat[from];
  let to = from;
  let ascends = true;
  for (let end = 0; to < flat.length && flat[to] === client; to += 3) {
    const start = flat[to + 1] as number;
    if (start < end) ascends = false;
    end = flat[to + 2] as number;
    if (start >= end) ascends = false;
  }
  return { to, ascends };
}
