import { limitReached } from '../../errors.ts';
import { fixedLimits } from '../../limits/limits.ts';

const MAX_WAITING = fixedLimits['waiting-probes'].max;
/** A payload comes back as it is. */
const MAX_PAYLOAD_BYTES = fixedLimits['probe-size'].max;

interface Waiting {
  readonly payload: Uint8Array;
  seq: number;
}

/**
 * Why "saved" may not be said yet:
 * - `asked`: an update of this session was dropped because of a gap; the client's answer will contain it
 * - `waiting`: what this session sent is in the log, but waits for edits that are missing
 *
 * Both may hold at once, and end for different reasons.
 */
type Gap = 'asked' | 'waiting';

/**
 * When one session may hear that its edits are saved: only when everything it sent before is durable and nothing of it
 * was refused or waits for something missing; and never before the client has answered our first SyncStep1, because
 * a stock client's offline edits come with that answer, behind its first probe.
 */
export class Acknowledgements {
  #lastSeq = 0;
  #answered = false;
  #gapAsked = false;
  #gapWaiting = false;
  #refused = false;
  #waiting: Waiting[] | null = null;

  get isWaiting(): boolean {
    return this.#waiting !== null;
  }

  /** Everything that the session has sent so far is durable once `seq` is. */
  sent(seq: number): void {
    this.#lastSeq = seq;
  }

  /** The client has answered SyncStep1; `sent` or `gap` for what the answer brought comes before. */
  answered(): void {
    this.#answered = true;
    this.#gapAsked = false;
    // What a probe stands for may have come only now, with the answer.
    this.#postpone();
  }

  gap(gap: Gap): void {
    if (gap === 'asked') this.#gapAsked = true;
    else this.#gapWaiting = true;
  }

  /** Nothing of this session waits for missing edits. What closed the gaps is durable once `seq` is. */
  gapsClosed(seq: number): void {
    if (!this.#gapWaiting) return;
    this.#gapWaiting = false;
    this.#lastSeq = seq;
    this.#postpone();
  }

  /** Something of this session was dropped for good: nothing is ever called saved again. */
  refuse(): void {
    this.#refused = true;
    this.#waiting = null;
  }

  /** Throws RefusedError if too many probes wait, or if this one is too large. */
  probe(payload: Uint8Array): void {
    if (payload.length > MAX_PAYLOAD_BYTES) throw limitReached('probe-size');
    if (this.#refused) return;
    const waiting = (this.#waiting ??= []);
    if (waiting.length >= MAX_WAITING) throw limitReached('waiting-probes');
    waiting.push({ payload: payload.slice(), seq: this.#lastSeq });
  }

  /** The payloads of the probes that may be answered now, in order. */
  take(durableSeq: number): Uint8Array[] {
    const waiting = this.#waiting;
    if (waiting === null || !this.#answered || this.#gapAsked || this.#gapWaiting) return [];
    const end = waiting.findIndex((probe) => probe.seq > durableSeq);
    const ready = end === -1 ? waiting : waiting.splice(0, end);
    if (end === -1) this.#waiting = null;
    return ready.map((probe) => probe.payload);
  }

  #postpone(): void {
    for (const probe of this.#waiting ?? []) probe.seq = this.#lastSeq;
  }
}
