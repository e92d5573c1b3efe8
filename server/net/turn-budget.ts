/**
 * The time for input from sockets in one turn of the event loop, in milliseconds. Node delivers up to 2 MB from one
 * socket in one turn, which can be thousands of messages.
 */
export const turnBudgetMs = 15;

/** Work that can wait for a later turn. */
export interface Held {
  release(): void;
}

export interface TurnBudgetDeps {
  /** In milliseconds, from any origin. */
  now(): number;
  /** Calls back after the sockets with input have been read: in this turn, or in the next if that phase is over. */
  atEnd(callback: () => void): void;
}

/**
 * Shares the event loop among connections. Input that arrives when a turn is spent is held, and released in later turns
 * as far as each has time. One for the whole process.
 */
export class TurnBudget {
  readonly #deps: TurnBudgetDeps;
  /** When the first work of this turn began; null before that. */
  #beganMs: number | null = null;
  /** When the latest work ended. */
  #doneMs = 0;
  readonly #held = new Set<Held>();
  /** True while `#finish` releases held work. */
  #isReleasing = false;

  constructor(deps: TurnBudgetDeps) {
    this.#deps = deps;
  }

  /** Call it before work that counts. */
  begin(): void {
    if (this.#beganMs !== null) return;
    this.#beganMs = this.#deps.now();
    this.#doneMs = this.#beganMs;
    this.#deps.atEnd(() => this.#finish());
  }

  /** Call it after the work. Returns the time since the previous call in this turn, in milliseconds. */
  end(): number {
    const sinceMs = this.#doneMs;
    this.#doneMs = this.#deps.now();
    return this.#doneMs - sinceMs;
  }

  /** Charges this turn with work that is done later, in milliseconds. */
  charge(ms: number): void {
    this.begin();
    if (this.#beganMs !== null) this.#beganMs -= ms;
  }

  /** Whether the budget was used up at the latest `end`. */
  get isSpent(): boolean {
    return this.#spentMs > turnBudgetMs;
  }

  /**
   * Whether new input must wait, because the turn is spent or other work waits already. During a `release` only the
   * first counts.
   */
  get isFull(): boolean {
    return this.isSpent || (this.#held.size > 0 && !this.#isReleasing);
  }

  get #spentMs(): number {
    return this.#beganMs === null ? 0 : this.#doneMs - this.#beganMs;
  }

  /** Calls `release` once in a later turn, after all work that was held before. */
  hold(held: Held): void {
    this.begin();
    this.#held.add(held);
  }

  /** Releases held work in the remaining time of this turn, and begins the next turn. */
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
