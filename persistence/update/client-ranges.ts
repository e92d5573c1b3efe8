import type { Numbers } from './delete-set.ts';

/** The ranges of one client as pairs (start, end), ascending and never adjacent. */
export interface ClientRanges {
  data: Uint32Array;
  /** Numbers in use; two per range. */
  used: number;
}

/** Ascending ranges of one client, each a start and an end. They begin at [from, from + stride, ...], before `to`. */
export interface RangeList {
  readonly numbers: Numbers | Uint32Array;
  readonly from: number;
  readonly to: number;
  readonly stride: number;
}

/** Steps that a cursor takes before it uses binary search. */
const cursorSteps = 8;

/** Offset of the first range at or after `from` that ends after `clock`; `used` if there is none. */
export function firstEndingAfter({ data, used }: ClientRanges, clock: number, from = 0): number {
  let low = from >>> 1;
  let high = used >>> 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((data[middle * 2 + 1] as number) > clock) high = middle;
    else low = middle + 1;
  }
  return low * 2;
}

/** Like `firstEndingAfter`, for an offset that is probably near. */
export function nextEndingAfter(ranges: ClientRanges, clock: number, from: number): number {
  const { data, used } = ranges;
  let at = from;
  for (let step = 0; step < cursorSteps; step++, at += 2) {
    if (at >= used || (data[at + 1] as number) > clock) return Math.min(at, used);
  }
  return firstEndingAfter(ranges, clock, at);
}

/** Adds a range. Returns whether any of it is new. */
export function extend(ranges: ClientRanges, start: number, end: number): boolean {
  const { data, used } = ranges;
  const lastEnd = data[used - 1] as number;
  // The common case: adjacent to the last range or after it.
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

/** Inserts a range and joins it with all ranges that it overlaps or touches. Returns whether any of it is new. */
function insert(ranges: ClientRanges, start: number, end: number): boolean {
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

/** Offset of the first range that ends at or after `clock`. */
function firstTouching(ranges: ClientRanges, clock: number): number {
  return clock === 0 ? 0 : firstEndingAfter(ranges, clock - 1);
}

/** Offset of the first range that begins after `clock`; `used` if there is none. */
function firstStartingAfter(ranges: ClientRanges, clock: number): number {
  const at = firstEndingAfter(ranges, clock);
  return at < ranges.used && (ranges.data[at] as number) <= clock ? at + 2 : at;
}

/** Replaces the numbers [from, to) with one range. */
function splice(ranges: ClientRanges, from: number, to: number, start: number, end: number): void {
  makeRoom(ranges, from, to, 2);
  ranges.data[from] = start;
  ranges.data[from + 1] = end;
}

/** Replaces the numbers [from, to) with `count` numbers that the caller writes afterwards. */
function makeRoom(ranges: ClientRanges, from: number, to: number, count: number): void {
  const { data, used } = ranges;
  const nextUsed = used - (to - from) + count;
  let target = data;
  if (nextUsed > data.length) {
    // Grows by half. A client's first ranges stay small, and 10,000 ranges are not copied 10,000 times.
    target = new Uint32Array(Math.max(8, nextUsed + (used >>> 2) * 2));
    target.set(data.subarray(0, from));
  }
  if (target !== data || to !== from + count) target.set(data.subarray(to, used), from + count);
  ranges.data = target;
  ranges.used = nextUsed;
}

/** Adds a list of ranges in one pass. Returns whether any of it is new. */
export function merge(ranges: ClientRanges, list: RangeList): boolean {
  const { data, used } = ranges;
  const { numbers, to, stride } = list;
  // Ranges at the start of the list that are known add nothing.
  const from = firstUnknown(ranges, list);
  if (from === to) return false;
  // Ranges wholly before the first range of the list or after its last one stay unchanged.
  const first = firstTouching(ranges, numbers[from] as number);
  const last = firstStartingAfter(ranges, numbers[to - stride + 1] as number);
  const maxCount = ((to - from) / stride) * 2 + last - first;
  // A list that changes most of the ranges is merged into their next array. That saves one copy and one allocation.
  const isLarge = maxCount > used >>> 1;
  const target = new Uint32Array(isLarge ? Math.max(8, maxCount + first + used - last) : maxCount);
  const begin = isLarge ? first : 0;
  let known = first;
  let at = begin;
  let end = -1;
  for (let i = from; i < to;) {
    const isKnown = known < last && (data[known] as number) <= (numbers[i] as number);
    const nextStart = (isKnown ? data[known] : numbers[i]) as number;
    const nextEnd = (isKnown ? data[known + 1] : numbers[i + 1]) as number;
    if (isKnown) known += 2;
    else i += stride;
    if (nextStart > end) {
      target[at++] = nextStart;
      target[at++] = nextEnd;
      end = nextEnd;
    } else if (nextEnd > end) {
      target[at - 1] = end = nextEnd;
    }
  }
  if (known < last) target[at - 1] = Math.max(end, data[last - 1] as number);
  if (isLarge) {
    target.set(data.subarray(0, first));
    target.set(data.subarray(last, used), at);
    ranges.used = at + used - last;
    // Ranges that join leave room. More of it than a quarter is given back.
    ranges.data = ranges.used < target.length * 0.75 ? target.slice(0, ranges.used) : target;
  } else {
    makeRoom(ranges, first, last, at);
    ranges.data.set(target.subarray(0, at), first);
  }
  return true;
}

/** Position in the list of the first range that is not known as a whole; the end of the list if all are known. */
function firstUnknown(ranges: ClientRanges, { numbers, from, to, stride }: RangeList): number {
  const { data, used } = ranges;
  let known = firstEndingAfter(ranges, numbers[from] as number);
  for (let i = from; i < to; i += stride) {
    known = nextEndingAfter(ranges, numbers[i] as number, known);
    if (known >= used || (data[known] as number) > (numbers[i] as number)) return i;
    if ((data[known + 1] as number) < (numbers[i + 1] as number)) return i;
  }
  return to;
}
