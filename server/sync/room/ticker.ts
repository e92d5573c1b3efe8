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

/** A pause counts as no longer than this: a room that begins to be busy is known as such after eighteen events. */
const MAX_GAP_MS = 40;
/** What a gap counts for in the average: a few short ones in a row, as chance has it, do not make a room busy. */
const GAP_WEIGHT = 1 / 8;

/** How often a room has news, and when it last sent some. */
export class Rhythm {
  lastTickMs = -Infinity;
  #lastNewsMs = -Infinity;
  #averageGapMs = MAX_GAP_MS;

  /** There is news. Returns the time between the last few, on average, in milliseconds. */
  news(nowMs: number): number {
    const gapMs = Math.min(nowMs - this.#lastNewsMs, MAX_GAP_MS);
    this.#lastNewsMs = nowMs;
    this.#averageGapMs += (gapMs - this.#averageGapMs) * GAP_WEIGHT;
    return this.#averageGapMs;
  }
}

/** Something that has news to send. */
export interface Tickable {
  /** Kept by the tickers. */
  readonly rhythm: Rhythm;
  /** Sends to everybody what was gathered. */
  tick(): void;
}

/**
 * Says when a room sends what it has gathered: at once, unless it has news so often that more comes within `gatherMs`: then
 * together with that. For news that come more seldom a message less would be saved now and then, at the price of waiting each time.
 * One timer for all rooms, armed only while one waits.
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
    const nowMs = this.#now();
    const isBusy = room.rhythm.news(nowMs) <= this.#gatherMs;
    if (this.#waiting.has(room)) return;
    if (!isBusy || nowMs - room.rhythm.lastTickMs >= this.#gatherMs) {
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
    room.rhythm.lastTickMs = nowMs;
    room.tick();
  }
}
