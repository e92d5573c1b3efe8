import type { Numbers } from '../../persistence/update/delete-set.ts';
import { RangeSet } from '../../persistence/update/ranges.ts';
import { type Run, scanRuns } from '../../persistence/update/runs.ts';
import type { UpdateFacts } from '../../persistence/update/scan.ts';
import {
  covers,
  decodeStateVector,
  encodeStateVector,
  type StateVector,
} from '../../persistence/update/state-vector.ts';
import { WaitingRuns } from './waiting-runs.ts';

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
  /** Clients of which something is deleted that has not integrated. */
  #deletedAhead: Set<number> | null = null;
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

  /** Whether anything waits for something that is missing: structs, or deletions of structs. */
  get hasGap(): boolean {
    return this.#waiting !== null || this.#deletedAhead !== null;
  }

  /** What waiting structs take in memory, about; never less than their bytes in the updates. */
  get waitingBytes(): number {
    return this.#waiting?.bytes ?? 0;
  }

  get waitingCount(): number {
    return this.#waiting?.count ?? 0;
  }

  /** Clients of which anything is known: never less than a client that has all of it would name. */
  get clientCount(): number {
    return (this.#clocks?.size ?? 0) + (this.#waiting?.clientCount ?? 0) + (this.#deletedAhead?.size ?? 0);
  }

  /** Clients of whom anything has integrated or waits. */
  get clients(): number[] {
    return [...(this.#clocks?.keys() ?? []), ...(this.#waiting?.clients ?? [])];
  }

  /** What it takes in memory, about. */
  get memoryBytes(): number {
    const { rangeCount, clientCount } = this.#deletes;
    return this.clientCount * CLIENT_BYTES + clientCount * CLIENT_BYTES + rangeCount * RANGE_BYTES + this.waitingBytes;
  }

  /** How many clients the update brings of which nothing has integrated. One may count twice. */
  addedClients({ intervals, deletes }: UpdateFacts): number {
    return this.#newClients(intervals) + this.#newClients(deletes);
  }

  #newClients(ranges: readonly number[]): number {
    let count = 0;
    for (let i = 0; i < ranges.length; i += 3) {
      if (ranges[i] !== ranges[i - 3] && this.#clocks?.has(ranges[i] as number) !== true) count++;
    }
    return count;
  }

  /** What has integrated. */
  get stateVector(): StateVector {
    return this.#clocks ?? nothing;
  }

  judge(facts: UpdateFacts): Verdict {
    if (this.#knowsAll(facts)) return 'duplicate';
    return this.#isContiguous(facts) && !this.#deletesAhead(facts) ? 'new' : 'gap';
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
        this.#advance(intervals[i] as number, intervals[i + 2] as number);
      }
    } else {
      this.#waiting ??= new WaitingRuns();
      brought = scanRuns(update);
      this.#waiting.add(brought);
    }
    if (this.#waiting !== null) released = this.#settle(this.#waiting, intervals);
    for (let i = 0; i < deletes.length; i += 3) {
      this.#deletes.add(deletes[i] as number, deletes[i + 1] as number, deletes[i + 2] as number);
      this.#watchDeletes(deletes[i] as number);
    }
    if (released.length === 0 || brought.length === 0) return released;
    const own = new Set(brought);
    return released.filter((run) => !own.has(run));
  }

  /** The deletions that are not known, as flat triples client, start, end. */
  newDeletes(facts: UpdateFacts): Numbers {
    return this.#deletes.missing(facts.deletes);
  }

  /** Takes in deletions from elsewhere, a delete set in the encoding of Yjs (V1): garbage collection deletes more. */
  adoptDeletes(deleteSet: Uint8Array): void {
    const adopted = RangeSet.decodeDeleteSet(deleteSet);
    this.#deletes.addAll(adopted.toFlat());
    for (const client of adopted.clients()) this.#watchDeletes(client);
  }

  /** Whether everything that the state vector names has integrated. */
  covers(stateVector: StateVector): boolean {
    return covers(this.stateVector, stateVector);
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
    for (let i = 0; i < intervals.length; i += 3) {
      const client = intervals[i] as number;
      const end = intervals[i + 2] as number;
      const clock = this.#clockOf(client);
      if (end <= clock) continue;
      if (this.#waiting?.contains(client, Math.max(intervals[i + 1] as number, clock), end) !== true) return false;
    }
    for (let i = 0; i < deletes.length; i += 3) {
      if (!this.#deletes.contains(deletes[i] as number, deletes[i + 1] as number, deletes[i + 2] as number))
        return false;
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

  /** Whether a contiguous update deletes anything, not known as deleted, that is neither integrated nor in itself. */
  #deletesAhead({ intervals, deletes }: UpdateFacts): boolean {
    let brought: Map<number, number> | undefined;
    for (let i = 0; i < deletes.length; i += 3) {
      const client = deletes[i] as number;
      const end = deletes[i + 2] as number;
      if (end <= this.#clockOf(client)) continue;
      brought ??= endsOf(intervals);
      if (end <= (brought.get(client) ?? 0)) continue;
      if (this.#deletes.missing([client, Math.max(deletes[i + 1] as number, this.#clockOf(client)), end]).length > 0) {
        return true;
      }
    }
    return false;
  }

  #reaches(ranges: readonly number[]): boolean {
    for (let i = 0; i < ranges.length; i += 3) {
      if ((ranges[i + 2] as number) > this.#clockOf(ranges[i] as number)) return false;
    }
    return true;
  }

  #advance(client: number, clock: number): void {
    if (clock <= this.#clockOf(client)) return;
    (this.#clocks ??= new Map()).set(client, clock);
    if (this.#deletedAhead !== null) this.#watchDeletes(client);
  }

  #settle(waiting: WaitingRuns, intervals: readonly number[]): Run[] {
    const clients = new Set<number>();
    for (let i = 0; i < intervals.length; i += 3) clients.add(intervals[i] as number);
    const released = waiting.settle(clients, (this.#clocks ??= new Map()));
    for (const { client } of released) this.#watchDeletes(client);
    if (waiting.isEmpty) this.#waiting = null;
    return released;
  }

  /** Called when a client's clock or its deletions have changed. */
  #watchDeletes(client: number): void {
    if (this.#deletes.endOf(client) > this.#clockOf(client)) {
      this.#deletedAhead ??= new Set();
      this.#deletedAhead.add(client);
    } else if (this.#deletedAhead?.delete(client) === true && this.#deletedAhead.size === 0) {
      this.#deletedAhead = null;
    }
  }
}

/** Where the intervals of each client end. */
function endsOf(intervals: readonly number[]): Map<number, number> {
  const ends = new Map<number, number>();
  for (let i = 0; i < intervals.length; i += 3) ends.set(intervals[i] as number, intervals[i + 2] as number);
  return ends;
}
