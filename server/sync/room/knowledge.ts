import type { Numbers } from '../../../persistence/update/delete-set.ts';
import { RangeSet } from '../../../persistence/update/ranges.ts';
import { scanRuns } from '../../../persistence/update/runs.ts';
import type { Run } from '../../../persistence/update/runs.ts';
import type { UpdateFacts } from '../../../persistence/update/scan.ts';
import { decodeStateVector, encodeStateVector } from '../../../persistence/update/state-vector.ts';
import type { StateVector } from '../../../persistence/update/state-vector.ts';
import { waitingRunBytes, WaitingRuns } from './waiting-runs.ts';

/**
 * What an update means to a room:
 * - `duplicate`: all its clocks and deletions are known already, whether they have integrated or wait
 * - `gap`: part of it depends on structs that have not integrated and are not in the update: an earlier clock, an
 *   origin, a parent or the struct that it deletes. That part waits, unless waiting structs are all that it depends on
 *   and the update releases them
 * - `new`: all of it integrates
 */
export type Verdict = 'duplicate' | 'gap' | 'new';

/** Approximate memory of an entry of a map, and of a range with its spare capacity. */
const clientBytes = 64;
const rangeBytes = 16;

/** Numbers of deletions whose clocks have not integrated. */
interface Ahead {
  clients: number;
  ranges: number;
}

const noneAhead: Readonly<Ahead> = Object.freeze({ clients: 0, ranges: 0 });

/** State vector of an empty document. */
const nothing: StateVector = new Map();

const noRuns: readonly Run[] = Object.freeze([]);

/**
 * What a room knows about its document, in clocks only: which structs a Y.Doc with the same updates would have
 * integrated, which it would keep pending, and which are deleted. Eight bytes for each client and for each deleted
 * range.
 */
export class Knowledge {
  /** For each client the number of clocks that have integrated. */
  #clocks: Map<number, number> | null;
  readonly #deletes: RangeSet;
  /** For each client the number of deleted ranges that end beyond its integrated clocks. Holds no zeros. */
  #deletedAhead: Map<number, number> | null = null;
  /** The sum of `#deletedAhead`. */
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

  /** Decodes a state vector and a delete set in the encodings of Yjs (V1). Throws MalformedUpdateError. */
  static from(stateVector: Uint8Array, deleteSet: Uint8Array): Knowledge {
    return new Knowledge(decodeStateVector(stateVector), RangeSet.decodeDeleteSet(deleteSet));
  }

  /** An independent copy. */
  clone(): Knowledge {
    const clocks = this.#clocks === null ? null : new Map(this.#clocks);
    const copy = new Knowledge(clocks, this.#deletes.clone());
    copy.#waiting = this.#waiting?.clone(this.stateVector) ?? null;
    return copy;
  }

  /**
   * Approximate memory of the structs and deletions that wait for missing structs; 0 only if none waits. Never less
   * than the bytes of these structs in their updates.
   */
  get waitingBytes(): number {
    const clientsAhead = this.#deletedAhead?.size ?? 0;
    return (this.#waiting?.bytes ?? 0) + clientsAhead * clientBytes + this.#rangesAhead * rangeBytes;
  }

  /** Upper bound of the growth of `waitingBytes` by an update. */
  waitingBytesOf(facts: UpdateFacts): number {
    const isContiguous = this.#isContiguous(facts);
    const structBytes = isContiguous ? 0 : facts.deleteSetOffset + facts.structCount * waitingRunBytes;
    const { clients, ranges } = this.#aheadOf(facts, isContiguous);
    return structBytes + clients * clientBytes + ranges * rangeBytes;
  }

  /** Number of clients with structs that have integrated or wait, or with deletions. */
  get clientCount(): number {
    let count = this.#clocks?.size ?? 0;
    for (const client of this.#waiting?.clients ?? []) if (!this.#hasIntegrated(client)) count++;
    for (const client of this.#deletedAhead?.keys() ?? []) {
      if (!this.#hasIntegrated(client) && this.#waiting?.hasClient(client) !== true) count++;
    }
    return count;
  }

  /** Number of ranges of deleted clocks, including deletions that wait. */
  get deletedRanges(): number {
    return this.#deletes.rangeCount;
  }

  /** Growth of `deletedRanges` by these deletions; negative if they join more ranges than they add. */
  addedRanges(deletes: Numbers): number {
    const after = this.#deletes.clone();
    after.addAll(deletes);
    return after.rangeCount - this.#deletes.rangeCount;
  }

  /** The clients with structs that have integrated or wait. */
  get clients(): number[] {
    return [...(this.#clocks?.keys() ?? []), ...(this.#waiting?.clients ?? [])];
  }

  /** Approximate memory use. */
  get memoryBytes(): number {
    const { rangeCount, clientCount } = this.#deletes;
    const clients = this.clientCount + clientCount;
    return clients * clientBytes + rangeCount * rangeBytes + (this.#waiting?.bytes ?? 0);
  }

  /** Growth of `clientCount` by the update. A client with both structs and deletions counts once. */
  addedClients({ intervals, deletes }: UpdateFacts): number {
    let added: Set<number> | undefined;
    for (const ranges of [intervals, deletes]) {
      // Not compared with `ranges[i - 3]`: an index below 0 makes V8 read every element slowly.
      let last = -1;
      for (let i = 0; i < ranges.length; i += 3) {
        const client = ranges[i] as number;
        if (client === last) continue;
        last = client;
        if (!this.#knowsClient(client)) (added ??= new Set()).add(client);
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

  /** The integrated clocks. */
  get stateVector(): StateVector {
    return this.#clocks ?? nothing;
  }

  judge(facts: UpdateFacts): Verdict {
    if (this.#knowsAll(facts)) return 'duplicate';
    return this.#isContiguous(facts) && this.#aheadOf(facts, true, 1).ranges === 0 ? 'new' : 'gap';
  }

  /** Whether all structs and deletions of the update have integrated, so that none of them waits. */
  integrates({ intervals, deletes }: UpdateFacts): boolean {
    return this.#reaches(intervals) && this.#reaches(deletes);
  }

  /**
   * Adds an accepted update. If it has a gap, the structs that cannot integrate wait. That costs more, because the
   * update is read again. Returns the runs of earlier updates that had waited and have integrated now.
   */
  add(facts: UpdateFacts, update: Uint8Array): readonly Run[] {
    const { intervals, deletes } = facts;
    let brought: readonly Run[] = noRuns;
    let released: readonly Run[] = noRuns;
    if (this.#isContiguous(facts)) {
      for (let i = 0; i < intervals.length; i += 3) {
        // The last interval of a client has the highest end.
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

  /** The deletions that are new, as flat triples client, start, end. */
  newDeletes(facts: UpdateFacts): Numbers {
    return this.#deletes.missing(facts.deletes);
  }

  /** Adds deletions that are in no update: garbage collection deletes more than the updates say. */
  adoptDeletes(adopted: RangeSet): void {
    this.#deletes.addSet(adopted);
    for (const client of adopted.clients()) this.#watchDeletes(client);
  }

  /** The state vector of the integrated structs, in the encoding of Yjs. */
  encodeStateVector(): Uint8Array {
    return encodeStateVector(this.stateVector);
  }

  /** All deletions, including those of structs that have not integrated, in the encoding of Yjs (V1). */
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

  /** Whether all structs of the update integrate: no earlier clock and no dependency is missing. */
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
   * Counts the newly deleted ranges of the update that end beyond the integrated clocks and, if the update is
   * contiguous, beyond its own clocks; and the clients of these ranges that have none yet. Stops at `maxRanges`.
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

  /** Recounts a client's deletions that wait. Called when its clock or its deletions have changed. */
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

/** For each client the end of its last interval. */
function endsOf(intervals: Numbers): Map<number, number> {
  const ends = new Map<number, number>();
  for (let i = 0; i < intervals.length; i += 3) ends.set(intervals[i] as number, intervals[i + 2] as number);
  return ends;
}
