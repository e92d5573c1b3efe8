import { systemAfter } from './after.ts';
import type { After } from './after.ts';

/** The bounds of `FairPlaces`. */
export interface FairPlacesOptions {
  readonly places: number;
  /** How many calls may wait for a place, per key and in total. */
  readonly maxWaitingPerKey: number;
  readonly maxWaiting: number;
  /** How long a call may wait for a place; null for no limit. */
  readonly maxWaitMs: number | null;
}

/** Why a call got no place. */
export type NoPlaceReason = 'too-many-of-key' | 'too-many' | 'too-late' | 'gone';

export class NoPlaceError extends Error {
  override readonly name = 'NoPlaceError';
  readonly reason: NoPlaceReason;

  constructor(reason: NoPlaceReason) {
    super(`no place: ${reason}`);
    this.reason = reason;
  }
}

interface Waiting {
  readonly isGone: () => boolean;
  readonly cancelDeadline: () => void;
  enter(): void;
  refuse(reason: NoPlaceReason): void;
}

interface Line {
  readonly key: string;
  /** The number of places in use by this key. */
  active: number;
  readonly waiting: Set<Waiting>;
}

/**
 * Shares a fixed number of places fairly among keys, such as addresses. A free place goes to the waiting key that has
 * the fewest places, and among equals to the next in turn. A key may use at most as many places as it leaves free, so
 * that a new key gets its first place at once: one key alone gets half of the places, two get a third each.
 */
export class FairPlaces {
  readonly #options: FairPlacesOptions;
  readonly #after: After;
  readonly #lines = new Map<string, Line>();
  /** Waiting keys by the number of places that they have; each set is in order of turns. */
  readonly #ready: Set<Line>[];
  #free: number;
  #waitingCount = 0;

  constructor(options: FairPlacesOptions, after: After = systemAfter) {
    this.#options = options;
    this.#after = after;
    this.#free = options.places;
    this.#ready = Array.from({ length: options.places + 1 }, () => new Set<Line>());
  }

  /** The number of calls that wait for a place. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  /**
   * Calls `use` with a place, and frees the place when its promise settles. Rejects like `use`, or with NoPlaceError if
   * there is no place. `isGone` says whether the place is no longer wanted.
   */
  async use<T>(key: string, isGone: () => boolean, use: () => Promise<T>): Promise<T> {
    const line = await this.#enter(key, isGone);
    try {
      return await use();
    } finally {
      this.#leave(line);
    }
  }

  #enter(key: string, isGone: () => boolean): Promise<Line> {
    const line = this.#lines.get(key) ?? { key, active: 0, waiting: new Set() };
    if (line.waiting.size === 0 && line.active < this.#free) {
      this.#lines.set(key, line);
      this.#take(line);
      return Promise.resolve(line);
    }
    const { maxWaiting, maxWaitingPerKey, maxWaitMs } = this.#options;
    if (line.waiting.size >= maxWaitingPerKey) return Promise.reject(new NoPlaceError('too-many-of-key'));
    if (this.#waitingCount >= maxWaiting) return Promise.reject(new NoPlaceError('too-many'));
    this.#lines.set(key, line);
    return new Promise((resolve, reject) => {
      const refuse = (reason: NoPlaceReason): void => reject(new NoPlaceError(reason));
      const late = (): void => {
        this.#remove(line, waiting);
        refuse('too-late');
      };
      const cancelDeadline = maxWaitMs === null ? () => {} : this.#after(maxWaitMs, late);
      const waiting: Waiting = { isGone, cancelDeadline, refuse, enter: () => resolve(line) };
      line.waiting.add(waiting);
      this.#waitingCount++;
      this.#ready[line.active]!.add(line);
    });
  }

  #take(line: Line): void {
    this.#free--;
    line.active++;
  }

  #leave(line: Line): void {
    this.#ready[line.active]!.delete(line);
    line.active--;
    this.#free++;
    if (line.waiting.size > 0) this.#ready[line.active]!.add(line);
    else this.#forgetIfUnused(line);
    this.#giveFreePlaces();
  }

  #giveFreePlaces(): void {
    for (let active = 0; active < this.#free; active++) {
      for (const line of this.#ready[active]!) {
        if (active >= this.#free) return;
        const next = this.#nextOf(line);
        this.#ready[active]!.delete(line);
        if (next !== null) {
          this.#take(line);
          next.enter();
        }
        if (line.waiting.size > 0) this.#ready[line.active]!.add(line);
        else this.#forgetIfUnused(line);
      }
    }
  }

  /** The call of a line that has waited longest and still wants a place. */
  #nextOf(line: Line): Waiting | null {
    for (const waiting of line.waiting) {
      this.#remove(line, waiting);
      waiting.cancelDeadline();
      if (!waiting.isGone()) return waiting;
      waiting.refuse('gone');
    }
    return null;
  }

  #remove(line: Line, waiting: Waiting): void {
    if (!line.waiting.delete(waiting)) return;
    this.#waitingCount--;
    if (line.waiting.size > 0) return;
    this.#ready[line.active]!.delete(line);
    this.#forgetIfUnused(line);
  }

  #forgetIfUnused(line: Line): void {
    if (line.active === 0 && line.waiting.size === 0) this.#lines.delete(line.key);
  }
}
