/**
 * What reading from sockets may take of one turn of the event loop, in milliseconds. Node hands over up to 2 MB of one socket
 * in one turn, which can be thousands of messages.
 */
export const TURN_BUDGET_MS = 15;

/** Whoever can be made to wait for a later turn. */
export interface Held {
  release(): void;
}

export interface TurnBudgetDeps {
  /** In milliseconds, from any origin. */
  now(): number;
  /** Calls back once all sockets that have something have been looked at: in this turn, or if that is over in the next. */
  atEnd(callback: () => void): void;
}

/**
 * Shares the event loop among connections: what comes when a turn is spent is held, and released in later turns, as many in
 * each as it has time for. One for the whole process.
 */
export class TurnBudget {
  readonly #deps: TurnBudgetDeps;
  /** When something first counted in this turn; null before that. */
  #beganMs: number | null = null;
  /** When the latest of it was done with. */
  #doneMs = 0;
  readonly #held = new Set<Held>();
  /** During `#finish`. */
  #isReleasing = false;

  constructor(deps: TurnBudgetDeps) {
    this.#deps = deps;
  }

  /** To be called before anything that counts. */
  begin(): void {
    if (this.#beganMs !== null) return;
    this.#beganMs = this.#deps.now();
    this.#doneMs = this.#beganMs;
    this.#deps.atEnd(() => this.#finish());
  }

  /** To be called after it. Returns how long this turn went on since the last time, in milliseconds. */
  end(): number {
    const sinceMs = this.#doneMs;
    this.#doneMs = this.#deps.now();
    return this.#doneMs - sinceMs;
  }

  /** Counts work of this turn that is done later, in milliseconds. */
  charge(ms: number): void {
    this.begin();
    if (this.#beganMs !== null) this.#beganMs -= ms;
  }

  /** As of the latest `end`. */
  get isSpent(): boolean {
    return this.#spentMs > TURN_BUDGET_MS;
  }

  /** What comes now has to wait: the turn is spent, or others wait already. False during a `release`, unless the turn is spent. */
  get isFull(): boolean {
    return this.isSpent || (this.#held.size > 0 && !this.#isReleasing);
  }

  get #spentMs(): number {
    return this.#beganMs === null ? 0 : this.#doneMs - this.#beganMs;
  }

  /** `release` is called in a later turn, once, after that of all who were held before. */
  hold(held: Held): void {
    this.begin();
    this.#held.add(held);
  }

  /** Who is held gets what is left of this turn's time, and then the next turn begins. */
  #finish(): void {
    if (this.#held.size > 0) {
      const spentMs = this.#spentMs;
      this.#doneMs = this.#deps.now();
      this.#beganMs = this.#doneMs - spentMs;
    }
    this.#isReleasing = true;
    for (const held of this.#held) {
      if (this.isSpent) break;
      this.#held.delete(held);
      held.release();
    }
    this.#isReleasing = false;
    this.#beganMs = null;
    if (this.#held.size > 0) this.begin();
  }
}
