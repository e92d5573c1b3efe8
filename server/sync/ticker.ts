/**
 * How long a busy room gathers before it sends. Long enough for one message to carry several edits above some 200 edits
 * a second; short enough that nobody sees it.
 */
export const GATHER_MS = 5;

/** Something that has news to send. */
export interface Tickable {
  /** Kept by the ticker; -Infinity to begin with. */
  lastTickMs: number;
  tick(): void;
}

/**
 * Says when a room sends what it has gathered: at once if it has been quiet, else together with what comes within
 * GATHER_MS. One timer for all rooms, armed only while one waits.
 */
export class Ticker {
  readonly #now: () => number;
  #waiting = new Set<Tickable>();
  #timer: NodeJS.Timeout | null = null;

  /** `now` in milliseconds from any origin, with fractions. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  schedule(room: Tickable): void {
    if (this.#waiting.has(room)) return;
    const nowMs = this.#now();
    if (nowMs - room.lastTickMs >= GATHER_MS) {
      this.#tick(room, nowMs);
      return;
    }
    this.#waiting.add(room);
    if (this.#timer === null) this.#timer = setTimeout(this.#flush, GATHER_MS);
  }

  readonly #flush = (): void => {
    this.#timer = null;
    const due = this.#waiting;
    this.#waiting = new Set();
    const nowMs = this.#now();
    for (const room of due) this.#tick(room, nowMs);
  };

  #tick(room: Tickable, nowMs: number): void {
    room.lastTickMs = nowMs;
    room.tick();
  }
}
