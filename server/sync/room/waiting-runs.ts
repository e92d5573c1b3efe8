import { RangeSet } from '../../../persistence/update/ranges.ts';
import type { RangeCursor } from '../../../persistence/update/ranges.ts';
import type { Run } from '../../../persistence/update/runs.ts';
import type { StateVector } from '../../../persistence/update/state-vector.ts';

/** Memory of a waiting run without its bytes. */
export const waitingRunBytes = 128;

/** From this many new runs on, sorting the whole queue is cheaper than inserting each run. */
const sortThreshold = 16;

/** The runs of one client, in the order in which they must integrate. */
interface Queue {
  readonly client: number;
  /** Ascending by clock from `head` on. The runs before `head` have integrated. */
  runs: Run[];
  head: number;
  /** The dependency on another client for which the first run waits, if there is one. */
  waiter: Waiter | null;
}

/** A queue that waits until more than `onClock` clocks of `onClient` have integrated. */
interface Waiter {
  readonly queue: Queue;
  readonly onClient: number;
  readonly onClock: number;
}

/**
 * Structs that wait for missing structs, like the pending structs of Yjs. The first run of a client integrates when all
 * earlier clocks and all its dependencies have integrated. An advance wakes only the queues that waited for it.
 */
export class WaitingRuns {
  readonly #queues = new Map<number, Queue>();
  /** By the client that they wait for, descending by clock: the waiter that is woken first is the last one. */
  readonly #waiters = new Map<number, Waiter[]>();
  /** All waiting clocks. For a client that still has a queue, it may also hold clocks that have integrated. */
  readonly #ranges = new RangeSet();
  #bytes = 0;
  #count = 0;

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  get clients(): Iterable<number> {
    return this.#queues.keys();
  }

  hasClient(client: number): boolean {
    return this.#queues.has(client);
  }

  /** Approximate memory use; never less than the bytes of the runs. */
  get bytes(): number {
    return this.#bytes + this.#count * waitingRunBytes;
  }

  /** A cursor over the waiting clocks. For a client that still has a queue, some of them may have integrated. */
  cursor(): RangeCursor {
    return this.#ranges.cursor();
  }

  /** Adds the runs of one update. They do not integrate before `settle`. */
  add(runs: readonly Run[]): void {
    for (let i = 0; i < runs.length;) {
      const client = (runs[i] as Run).client;
      const added: Run[] = [];
      for (let run = runs[i]; run?.client === client; run = runs[++i]) {
        // A run that waits already is not kept twice: an update sent again and again, a bit longer each time, would
        // fill memory.
        if (this.#ranges.add(client, run.clock, run.end)) added.push(run);
      }
      this.#enqueue(client, added);
    }
  }

  /** An independent copy, for a document with these clocks. */
  clone(clocks: StateVector): WaitingRuns {
    const copy = new WaitingRuns();
    for (const [client, { runs, head }] of this.#queues) {
      copy.#queues.set(client, { client, runs: runs.slice(head), head: 0, waiter: null });
    }
    copy.#ranges.addSet(this.#ranges);
    copy.#bytes = this.#bytes;
    copy.#count = this.#count;
    // Registers the waiter of each queue.
    copy.settle(this.#queues.keys(), new Map(clocks));
    return copy;
  }

  /**
   * Integrates all runs that can be, after the clocks of `clients` have advanced or these clients have new runs.
   * Advances `clocks`, and returns the integrated runs, in order for each client.
   */
  settle(clients: Iterable<number>, clocks: Map<number, number>): Run[] {
    const released: Run[] = [];
    const turn = [...clients];
    for (let client = turn.pop(); client !== undefined; client = turn.pop()) {
      const queue = this.#queues.get(client);
      if (queue !== undefined) this.#integrate(queue, clocks, released);
      this.#wake(client, clocks.get(client) ?? 0, turn);
    }
    return released;
  }

  #enqueue(client: number, added: readonly Run[]): void {
    if (added.length === 0) return;
    const queue = this.#queues.get(client) ?? { client, runs: [], head: 0, waiter: null };
    this.#queues.set(client, queue);
    this.#count += added.length;
    for (const run of added) this.#bytes += run.data.length;
    const { runs, head } = queue;
    if (runs.length === head || (runs.at(-1) as Run).clock <= (added[0] as Run).clock) {
      for (const run of added) runs.push(run);
    } else if (added.length < sortThreshold) {
      for (const run of added) runs.splice(firstBehind(runs, head, run.clock), 0, run);
    } else {
      queue.runs = [...runs.slice(head), ...added].sort((a, b) => a.clock - b.clock);
      queue.head = 0;
    }
  }

  #integrate(queue: Queue, clocks: Map<number, number>, released: Run[]): void {
    const { client, runs } = queue;
    const before = clocks.get(client) ?? 0;
    let clock = before;
    this.#cancel(queue);
    for (let run = runs[queue.head]; run !== undefined && run.clock <= clock; run = runs[++queue.head]) {
      const unmet = firstUnmet(run.dependencies, clocks);
      if (unmet >= 0) {
        this.#await(queue, run.dependencies[unmet] as number, run.dependencies[unmet + 1] as number);
        break;
      }
      if (run.end > clock) {
        clock = run.end;
        released.push(run);
      }
      this.#bytes -= run.data.length;
      this.#count--;
    }
    if (queue.head === runs.length) {
      this.#queues.delete(client);
      this.#ranges.deleteClient(client);
    } else if (queue.head > runs.length / 2) {
      queue.runs = runs.slice(queue.head);
      queue.head = 0;
    }
    if (clock > before) clocks.set(client, clock);
  }

  #await(queue: Queue, onClient: number, onClock: number): void {
    const waiter = { queue, onClient, onClock };
    const waiters = this.#waiters.get(onClient) ?? [];
    this.#waiters.set(onClient, waiters);
    waiters.splice(firstAtMost(waiters, onClock), 0, waiter);
    queue.waiter = waiter;
  }

  /** Removes the waiter of a queue that is examined again, because it may wait for something else next. */
  #cancel(queue: Queue): void {
    const { waiter } = queue;
    queue.waiter = null;
    const waiters = waiter === null ? undefined : this.#waiters.get(waiter.onClient);
    if (waiter === null || waiters === undefined) return;
    const index = waiters.indexOf(waiter, firstAtMost(waiters, waiter.onClock));
    if (index >= 0) waiters.splice(index, 1);
    if (waiters.length === 0) this.#waiters.delete(waiter.onClient);
  }

  #wake(client: number, clock: number, turn: number[]): void {
    const waiters = this.#waiters.get(client);
    if (waiters === undefined) return;
    for (let last = waiters.at(-1); last !== undefined && last.onClock < clock; last = waiters.at(-1)) {
      waiters.pop();
      last.queue.waiter = null;
      turn.push(last.queue.client);
    }
    if (waiters.length === 0) this.#waiters.delete(client);
  }
}

/** Offset of the first dependency that has not integrated, or -1. */
function firstUnmet(dependencies: readonly number[], clocks: ReadonlyMap<number, number>): number {
  for (let i = 0; i < dependencies.length; i += 2) {
    if ((dependencies[i + 1] as number) >= (clocks.get(dependencies[i] as number) ?? 0)) return i;
  }
  return -1;
}

/** The position of a new run with this clock: after the runs with the same clock. */
function firstBehind(runs: readonly Run[], from: number, clock: number): number {
  let low = from;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((runs[middle] as Run).clock > clock) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The position of the first waiter for this clock or an earlier one, in descending order. */
function firstAtMost(waiters: readonly Waiter[], clock: number): number {
  let low = 0;
  let high = waiters.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((waiters[middle] as Waiter).onClock <= clock) high = middle;
    else low = middle + 1;
  }
  return low;
}
