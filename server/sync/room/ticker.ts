/**
 * How long a busy room batches updates before it sends them. Above about 200 edits a second one message then carries
 * several edits. Users do not notice a delay as short as this.
 */
export const updateBatchMs = 5;

/**
 * The same for presence alone, which is most of what large rooms send: a user who moves 5 times a second causes a
 * message to every other client, and stock clients send each of them back. A screen shows a frame for about as long.
 * Presence that has changed when an update is sent goes out with the update.
 */
export const presenceBatchMs = 20;

/** Longer gaps count as this long, so that a room that becomes busy is recognised after eighteen changes. */
const maxGapMs = 40;
/**
 * Weight of a gap in the moving average, chosen so that a few short gaps in a row, by chance, do not make a room busy.
 */
const gapWeight = 1 / 8;

/** How often a room has something to send, and when it last sent. */
export class Rhythm {
  lastTickMs = -Infinity;
  #lastChangeMs = -Infinity;
  #averageGapMs = maxGapMs;

  /** The room has something to send. Returns the average time between the last few calls, in milliseconds. */
  changed(nowMs: number): number {
    const gapMs = Math.min(nowMs - this.#lastChangeMs, maxGapMs);
    this.#lastChangeMs = nowMs;
    this.#averageGapMs += (gapMs - this.#averageGapMs) * gapWeight;
    return this.#averageGapMs;
  }
}

/** A room as a ticker sees it. */
export interface Tickable {
  /** Updated by the tickers. */
  readonly rhythm: Rhythm;
  /** Sends the current batch to all peers. */
  tick(): void;
}

/**
 * Decides when a room sends. A quiet room sends at once. A busy room, in which the next change comes within `batchMs`
 * on average, sends one batch after that time. Batching in quiet rooms would delay every message and seldom save one.
 * All rooms share one timer, which runs only while a room has a batch.
 */
export class Ticker {
  readonly #batchMs: number;
  readonly #now: () => number;
  #scheduled = new Set<Tickable>();
  #timer: NodeJS.Timeout | null = null;

  /** `now` in milliseconds from any origin, with fractions. */
  constructor(batchMs: number, now: () => number = () => performance.now()) {
    this.#batchMs = batchMs;
    this.#now = now;
  }

  schedule(room: Tickable): void {
    const nowMs = this.#now();
    const isBusy = room.rhythm.changed(nowMs) <= this.#batchMs;
    if (this.#scheduled.has(room)) return;
    if (!isBusy || nowMs - room.rhythm.lastTickMs >= this.#batchMs) {
      this.#tick(room, nowMs);
      return;
    }
    this.#scheduled.add(room);
    if (this.#timer === null) this.#timer = setTimeout(this.#flush, this.#batchMs);
  }

  readonly #flush = (): void => {
    this.#timer = null;
    const due = this.#scheduled;
    this.#scheduled = new Set();
    const nowMs = this.#now();
    for (const room of due) this.#tick(room, nowMs);
  };

  #tick(room: Tickable, nowMs: number): void {
    room.rhythm.lastTickMs = nowMs;
    room.tick();
  }
}
