/**
 * How long a busy room gathers before it sends. Long enough for one message to carry several edits above some 200 edits
 * a second; short enough that nobody sees it.
 */
export const GATHER_MS = 5;

/**
 * The same for presence, which is most of what large rooms send: somebody who moves at 5 times a second is written to everybody
 * else, and stock clients send it back. One picture of a screen takes about as long. What is there when an edit goes out goes along.
 */
export const GATHER_PRESENCE_MS = 20;

/** Something that has news to send. */
export interface Tickable {
  /** Kept by the ticker; -Infinity to begin with. */
  lastTickMs: number;
  /** Sends to everybody what was gathered. */
  tick(): void;
}

/**
 * Says when a room sends what it has gathered: at once if it has been quiet, else together with what comes within
 * `gatherMs`. One timer for all rooms, armed only while one waits.
 */
export class Ticker {
  readonly #gatherMs: number;
  readonly #now: () => number;
  #waiting = new Set<Tickable>();
  #timer: NodeJS.Timeout | null = null;

  /** `now` in milliseconds from any origin, with fractions. */
  constructor(gatherMs: number, now: () => number = () => performance.now()) {
    this.#gatherMs = gatherMs;
    this.#now = now;
  }

  schedule(room: Tickable): void {
    if (this.#waiting.has(room)) return;
    const nowMs = this.#now();
    if (nowMs - room.lastTickMs >= this.#gatherMs) {
      this.#tick(room, nowMs);
      return;
    }
    this.#waiting.add(room);
    if (this.#timer === null) this.#timer = setTimeout(this.#flush, this.#gatherMs);
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
