import type { Numbers } from '../../../persistence/update/delete-set.ts';
import { RangeSet } from '../../../persistence/update/ranges.ts';
import { type Run, scanRuns } from '../../../persistence/update/runs.ts';
import type { UpdateFacts } from '../../../persistence/update/scan.ts';
import { decodeStateVector, encodeStateVector, type StateVector } from '../../../persistence/update/state-vector.ts';
import { WAITING_RUN_BYTES, WaitingRuns } from './waiting-runs.ts';

/**
 * - `duplicate`: brings no clock and no deletion that is not known, integrated or waiting
 * - `gap`: something in it builds on what has not integrated and is not in itself: an earlier clock, an origin, a parent,
 *   what it deletes. It waits then, unless it is just what others wait for that it builds on
 * - `new`: all of it integrates
 */
export type Verdict = 'duplicate' | 'gap' | 'new';

/** What an entry of a map takes in memory, about, and what a range does, with the space that is kept free behind it. */
const CLIENT_BYTES = 64;
const RANGE_BYTES = 16;

/** Deletions of clocks that have not integrated. */
interface Ahead {
  clients: number;
  ranges: number;
}

const noneAhead: Readonly<Ahead> = Object.freeze({ clients: 0, ranges: 0 });

/** The state vector of an empty document. */
const nothing: StateVector = new Map();

const noRuns: readonly Run[] = Object.freeze([]);

/**
 * What a room knows of its document, by clocks alone: what a Y.Doc that was given the same updates would have integrated,
 * what it would keep pending, and what is deleted. Eight bytes for each client and for each deleted range.
 */
export class Knowledge {
  /** Per client how many clocks have integrated. */
  #clocks: Map<number, number> | null;
  readonly #deletes: RangeSet;
  /** Per client how many deleted ranges reach beyond what has integrated of it. No client has none. */
  #deletedAhead: Map<number, number> | null = null;
  /** The sum of them. */
  #rangesAhead = 0;
  #waiting: WaitingRuns | null = null;

  private constructor(clocks: Map<number, number> | null, deletes: RangeSet) {
    this.#clocks = clocks;
    this.#deletes = deletes;
    for (const client of deletes.clients()) this.#watchDeletes(client);
  }

  static empty(): Knowledge {
    return new Knowledge(null, new RangeSet());
  }

  /** From a state vector and a delete set in the encodings of Yjs (V1). @throws MalformedUpdateError */
  static from(stateVector: Uint8Array, deleteSet: Uint8Array): Knowledge {
    return new Knowledge(decodeStateVector(stateVector), RangeSet.decodeDeleteSet(deleteSet));
  }

  /** Another that knows the same. */
  clone(): Knowledge {
    const clocks = this.#clocks === null ? null : new Map(this.#clocks);
    const copy = new Knowledge(clocks, this.#deletes.clone());
    copy.#waiting = this.#waiting?.clone(this.stateVector) ?? null;
    return copy;
  }

  /** About how much memory waiting structs and deletions take; never less than the bytes of the structs in their updates. */
  get waitingBytes(): number {
    const clientsAhead = this.#deletedAhead?.size ?? 0;
    return (this.#waiting?.bytes ?? 0) + clientsAhead * CLIENT_BYTES + this.#rangesAhead * RANGE_BYTES;
  }

  /** The most by which `waitingBytes` grows with an update. */
  waitingBytesOf(facts: UpdateFacts): number {
    const isContiguous = this.#isContiguous(facts);
    const structBytes = isContiguous ? 0 : facts.deleteSetOffset + facts.structCount * WAITING_RUN_BYTES;
    const { clients, ranges } = this.#aheadOf(facts, isContiguous);
    return structBytes + clients * CLIENT_BYTES + ranges * RANGE_BYTES;
  }

  /** Clients of which anything has integrated, waits or is deleted. */
  get clientCount(): number {
    let count = this.#clocks?.size ?? 0;
    for (const client of this.#waiting?.clients ?? []) if (!this.#hasIntegrated(client)) count++;
    for (const client of this.#deletedAhead?.keys() ?? []) {
      if (!this.#hasIntegrated(client) && this.#waiting?.hasClient(client) !== true) count++;
    }
    return count;
  }

  /** Ranges of deleted clocks, those that wait too. */
  get deletedRanges(): number {
    return this.#deletes.rangeCount;
  }

  /** By how many `deletedRanges` grows with these deletions; negative if they close more holes than they make. */
  addedRanges(deletes: Numbers): number {
    const after = this.#deletes.clone();
    after.addAll(deletes);
    return after.rangeCount - this.#deletes.rangeCount;
  }

  /** Clients of whom anything has integrated or waits. */
  get clients(): number[] {
    return [...(this.#clocks?.keys() ?? []), ...(this.#waiting?.clients ?? [])];
  }

  /** What it takes in memory, about. */
  get memoryBytes(): number {
    const { rangeCount, clientCount } = this.#deletes;
    const clients = this.clientCount + clientCount;
    return clients * CLIENT_BYTES + rangeCount * RANGE_BYTES + (this.#waiting?.bytes ?? 0);
  }

  /** By how many `clientCount` grows with the update. A client that brings structs and deletions counts once. */
  addedClients({ intervals, deletes }: UpdateFacts): number {
    let added: Set<number> | undefined;
    for (const ranges of [intervals, deletes]) {
      for (let i = 0; i < ranges.length; i += 3) {
        const client = ranges[i] as number;
        if (client !== ranges[i - 3] && !this.#knowsClient(client)) (added ??= new Set()).add(client);
      }
    }
    return added?.size ?? 0;
  }

  #hasIntegrated(client: number): boolean {
    return this.#clocks?.has(client) === true;
  }

  #knowsClient(client: number): boolean {
    if (this.#hasIntegrated(client) || this.#deletedAhead?.has(client) === true) return true;
    return this.#waiting?.hasClient(client) === true;
  }

  /** What has integrated. */
  get stateVector(): StateVector {
    return this.#clocks ?? nothing;
  }

  judge(facts: UpdateFacts): Verdict {
    if (this.#knowsAll(facts)) return 'duplicate';
    return this.#isContiguous(facts) && this.#aheadOf(facts, true, 1).ranges === 0 ? 'new' : 'gap';
  }

  /** Whether everything in the update has integrated, its deletions too, so that nothing of it waits. */
  integrates({ intervals, deletes }: UpdateFacts): boolean {
    return this.#reaches(intervals) && this.#reaches(deletes);
  }

  /**
   * Takes in an accepted update. If it has a gap, what cannot integrate waits. Costs more then: the update is read again.
   * Returns what had waited and has integrated with it.
   */
  add(facts: UpdateFacts, update: Uint8Array): readonly Run[] {
    const { intervals, deletes } = facts;
    let brought: readonly Run[] = noRuns;
    let released: readonly Run[] = noRuns;
    if (this.#isContiguous(facts)) {
      for (let i = 0; i < intervals.length; i += 3) {
        // The last interval of a client ends where all of them end.
        if (intervals[i] !== intervals[i + 3]) this.#advance(intervals[i] as number, intervals[i + 2] as number);
      }
    } else {
      this.#waiting ??= new WaitingRuns();
      brought = scanRuns(update);
      this.#waiting.add(brought);
    }
    if (this.#waiting !== null) released = this.#settle(this.#waiting, intervals);
    this.#deletes.addAll(deletes);
    for (let i = 0; i < deletes.length; i += 3) {
      if (deletes[i] !== deletes[i + 3]) this.#watchDeletes(deletes[i] as number);
    }
    if (released.length === 0 || brought.length === 0) return released;
    const own = new Set(brought);
    return released.filter((run) => !own.has(run));
  }

  /** The deletions that are not known, as flat triples client, start, end. */
  newDeletes(facts: UpdateFacts): Numbers {
    return this.#deletes.missing(facts.deletes);
  }

  /** Takes in deletions from elsewhere: garbage collection deletes more than updates say. */
  adoptDeletes(adopted: RangeSet): void {
    this.#deletes.addSet(adopted);
    for (const client of adopted.clients()) this.#watchDeletes(client);
  }

  /** What has integrated, in the encoding of Yjs. */
  encodeStateVector(): Uint8Array {
    return encodeStateVector(this.stateVector);
  }

  /** All deletions, also of what has not integrated, in the encoding of Yjs (V1). */
  encodeDeleteSet(): Uint8Array {
    return this.#deletes.encodeDeleteSet();
  }

  #clockOf(client: number): number {
    return this.#clocks?.get(client) ?? 0;
  }

  #knowsAll({ intervals, deletes }: UpdateFacts): boolean {
    let client = -1;
    let clock = 0;
    const waiting = this.#waiting?.cursor();
    for (let i = 0; i < intervals.length; i += 3) {
      if (intervals[i] !== client) {
        client = intervals[i] as number;
        clock = this.#clockOf(client);
      }
      const end = intervals[i + 2] as number;
      if (end <= clock) continue;
      if (waiting?.contains(client, Math.max(intervals[i + 1] as number, clock), end) !== true) return false;
    }
    if (deletes.length === 0) return true;
    const known = this.#deletes.cursor();
    for (let i = 0; i < deletes.length; i += 3) {
      if (!known.contains(deletes[i] as number, deletes[i + 1] as number, deletes[i + 2] as number)) return false;
    }
    return true;
  }

  /** Whether all structs integrate: nothing is missing before them, nor what they depend on. */
  #isContiguous({ intervals, dependencies }: UpdateFacts): boolean {
    let client = -1;
    let clock = 0;
    for (let i = 0; i < intervals.length; i += 3) {
      if (intervals[i] !== client) {
        client = intervals[i] as number;
        clock = this.#clockOf(client);
      }
      if ((intervals[i + 1] as number) > clock) return false;
      clock = Math.max(clock, intervals[i + 2] as number);
    }
    for (let i = 0; i < dependencies.length; i += 2) {
      if ((dependencies[i + 1] as number) >= this.#clockOf(dependencies[i] as number)) return false;
    }
    return true;
  }

  /**
   * How many ranges the update deletes, not known as deleted, that reach beyond what has integrated and, if the update is
   * contiguous, beyond what it brings; and of how many clients. Counts no further than `maxRanges`.
   */
  #aheadOf({ intervals, deletes }: UpdateFacts, isContiguous: boolean, maxRanges = Infinity): Readonly<Ahead> {
    if (deletes.length === 0) return noneAhead;
    const ahead = { clients: 0, ranges: 0 };
    let brought: ReadonlyMap<number, number> | undefined;
    let client = -1;
    let reach = 0;
    let isCounted = false;
    const known = this.#deletes.cursor();
    for (let i = 0; i < deletes.length && ahead.ranges < maxRanges; i += 3) {
      const end = deletes[i + 2] as number;
      if (deletes[i] !== client) {
        client = deletes[i] as number;
        reach = this.#clockOf(client);
        isCounted = this.#deletedAhead?.has(client) === true;
      }
      if (end <= reach) continue;
      if (isContiguous) reach = Math.max(reach, (brought ??= endsOf(intervals)).get(client) ?? 0);
      if (end <= reach || known.contains(client, Math.max(deletes[i + 1] as number, reach), end)) continue;
      ahead.ranges++;
      if (!isCounted) ahead.clients++;
      isCounted = true;
    }
    return ahead;
  }

  #reaches(ranges: Numbers): boolean {
    for (let i = 0; i < ranges.length; i += 3) {
      if (ranges[i] === ranges[i + 3]) continue;
      if ((ranges[i + 2] as number) > this.#clockOf(ranges[i] as number)) return false;
    }
    return true;
  }

  #advance(client: number, clock: number): void {
    if (clock <= this.#clockOf(client)) return;
    (this.#clocks ??= new Map()).set(client, clock);
    if (this.#deletedAhead !== null) this.#watchDeletes(client);
  }

  #settle(waiting: WaitingRuns, intervals: Numbers): Run[] {
    const clients = new Set<number>();
    for (let i = 0; i < intervals.length; i += 3) clients.add(intervals[i] as number);
    const released = waiting.settle(clients, (this.#clocks ??= new Map()));
    for (const { client } of released) this.#watchDeletes(client);
    if (waiting.isEmpty) this.#waiting = null;
    return released;
  }

  /** Called when a client's clock or its deletions have changed. */
  #watchDeletes(client: number): void {
    const before = this.#deletedAhead?.get(client) ?? 0;
    const clock = this.#clockOf(client);
    const now = this.#deletes.endOf(client) > clock ? this.#deletes.rangesBeyond(client, clock) : 0;
    if (now === before) return;
    this.#rangesAhead += now - before;
    if (now > 0) (this.#deletedAhead ??= new Map()).set(client, now);
    else this.#deletedAhead?.delete(client);
    if (this.#rangesAhead === 0) this.#deletedAhead = null;
  }
}

/** Per client where its last interval ends. */
function endsOf(intervals: Numbers): Map<number, number> {
  const ends = new Map<number, number>();
  for (let i = 0; i < intervals.length; i += 3) ends.set(intervals[i] as number, intervals[i + 2] as number);
  return ends;
}
