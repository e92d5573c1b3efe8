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
  /** Calls back in the next turn, when timers and other sockets have had theirs. */
  nextTurn(callback: () => void): void;
}

/**
 * Shares the event loop among connections: whoever sends more than a turn has time for is held, and released later, one
 * connection a turn. One for the whole process.
 */
export class TurnBudget {
  readonly #deps: TurnBudgetDeps;
  /** When the first message of this turn was handled; null before that. */
  #beganMs: number | null = null;
  /** When the latest message of this turn was done with. */
  #doneMs = 0;
  readonly #held = new Set<Held>();

  constructor(deps: TurnBudgetDeps) {
    this.#deps = deps;
  }

  /** To be called before each message. */
  begin(): void {
    if (this.#beganMs !== null) return;
    this.#beganMs = this.#deps.now();
    this.#doneMs = this.#beganMs;
    this.#deps.nextTurn(() => this.#next());
  }

  /** To be called after each message. Returns how long this turn went on since the one before it, in milliseconds. */
  end(): number {
    const sinceMs = this.#doneMs;
    this.#doneMs = this.#deps.now();
    return this.#doneMs - sinceMs;
  }

  /** As of the latest message. */
  get isSpent(): boolean {
    return this.#beganMs !== null && this.#doneMs - this.#beganMs > TURN_BUDGET_MS;
  }

  /** `release` is called in a later turn, once. */
  hold(held: Held): void {
    this.#held.add(held);
  }

  #next(): void {
    this.#beganMs = null;
    for (const held of this.#held) {
      this.#held.delete(held);
      if (this.#held.size > 0) this.begin();
      held.release();
      return;
    }
  }
}
