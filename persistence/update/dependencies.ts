/** The structs of one client in order, with the position at which they are held up. */
interface Chain {
  /**
   * The links of the client in `Dependencies`, ascending by clock: indices [next, end). Links before `next` are
   * satisfied.
   */
  next: number;
  readonly end: number;
}

interface Resolution {
  /**
   * Structs that the update builds on but does not contain: flat pairs (client, clock), with the highest clock per
   * client.
   */
  readonly missing: number[];
  /** Whether structs of the update wait for each other. */
  readonly circular: boolean;
}

/**
 * Collects the structs of other clients that the structs of one update build on. A struct also builds on everything
 * before it in its own client, so only links that reach further into another client than earlier links count.
 */
export class Dependencies {
  /** Flat quadruples in the order of the update: client, clock, and the client and clock that the struct builds on. */
  readonly #links: number[] = [];
  /** How far the current client reaches into each other client. Created when it reaches into a second one. */
  #reach: Map<number, number> | undefined;
  #lastClient = -1;
  #lastClock = -1;

  /** The following links belong to the next client. */
  nextClient(): void {
    this.#reach = undefined;
    this.#lastClient = -1;
  }

  /** Adds a link: the struct at `client`, `clock` builds on another client's struct. */
  add(client: number, clock: number, onClient: number, onClock: number): void {
    if (onClient === this.#lastClient) {
      if (onClock <= this.#lastClock) return;
    } else {
      if (this.#lastClient !== -1) {
        this.#reach ??= new Map();
        this.#reach.set(this.#lastClient, this.#lastClock);
      }
      const reached = this.#reach?.get(onClient) ?? -1;
      this.#lastClient = onClient;
      this.#lastClock = Math.max(reached, onClock);
      if (onClock <= reached) return;
    }
    this.#lastClock = onClock;
    this.#links.push(client, clock, onClient, onClock);
  }

  /** Determines missing structs and circles. `intervals` are those of the update. */
  resolve(intervals: readonly number[]): Resolution {
    const links = this.#links;
    const missing = new Map<number, number>();
    const inside = new Map<number, number>();
    const chains = new Map<number, Chain>();
    const spans = links.length === 0 ? null : clientSpans(intervals);
    for (let i = 0; i < links.length;) {
      const client = links[i] as number;
      const first = i;
      for (; i < links.length && links[i] === client; i += 4) {
        const onClient = links[i + 2] as number;
        const onClock = links[i + 3] as number;
        const found = brings(intervals, spans?.get(onClient), onClock) ? inside : missing;
        found.set(onClient, Math.max(found.get(onClient) ?? 0, onClock));
      }
      chains.set(client, { next: first, end: i });
    }
    const circular = inside.size > 0 && this.#hasCircle(chains);
    // A struct that is in the update but cannot integrate counts as missing.
    if (circular) for (const [client, clock] of inside) missing.set(client, Math.max(missing.get(client) ?? 0, clock));
    return { missing: [...missing].flat(), circular };
  }

  /**
   * Follows the chains as Yjs does when it integrates. If a link holds a chain up, the other chain advances first, only
   * as far as needed. If that chain is itself held up at or before the needed struct, the two wait for each other. Each
   * step passes one link or pushes one chain onto the stack, so the time is linear.
   */
  #hasCircle(chains: ReadonlyMap<number, Chain>): boolean {
    const stack: Chain[] = [];
    const onStack = new Set<Chain>();
    for (const chain of chains.values()) {
      stack.push(chain);
      onStack.add(chain);
      for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
        const wanting = stack.at(-2);
        if (top.next === top.end || (wanting !== undefined && this.#blocker(wanting, chains) === null)) {
          onStack.delete(top);
          stack.pop();
          continue;
        }
        const blocker = this.#blocker(top, chains);
        if (blocker === null) {
          top.next += 4;
        } else if (onStack.has(blocker)) {
          return true;
        } else {
          stack.push(blocker);
          onStack.add(blocker);
        }
      }
    }
    return false;
  }

  /**
   * The chain that must advance before this one can pass its next link; null if there is none. Up to its own next link
   * a chain advances freely.
   */
  #blocker(chain: Chain, chains: ReadonlyMap<number, Chain>): Chain | null {
    const links = this.#links;
    const other = chains.get(links[chain.next + 2] as number);
    if (other === undefined || other.next === other.end) return null;
    return (links[other.next + 1] as number) > (links[chain.next + 3] as number) ? null : other;
  }
}

/** Where each client's triples are in the intervals of an update. */
function clientSpans(intervals: readonly number[]): Map<number, [start: number, end: number]> {
  const spans = new Map<number, [number, number]>();
  for (let i = 0; i < intervals.length; i += 3) {
    const client = intervals[i] as number;
    const span = spans.get(client);
    if (span === undefined) spans.set(client, [i, i + 3]);
    else span[1] = i + 3;
  }
  return spans;
}

function brings(intervals: readonly number[], span: readonly [number, number] | undefined, clock: number): boolean {
  if (span === undefined) return false;
  let low = span[0] / 3;
  let high = span[1] / 3;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((intervals[middle * 3 + 2] as number) > clock) high = middle;
    else low = middle + 1;
  }
  return low * 3 < span[1] && (intervals[low * 3 + 1] as number) <= clock;
}
