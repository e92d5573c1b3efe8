import type { Clock, Timer } from '../../persistence/clock.ts';
import { Signal } from './signal.ts';

interface PendingTimer {
  readonly dueMs: number;
  readonly callback: () => void;
}

/** A clock that the test moves. */
export class ManualClock implements Clock {
  #nowMs = 1_700_000_000_000;
  readonly #timers = new Set<PendingTimer>();
  readonly #changed = new Signal();

  /** The delays of the pending timers, in milliseconds from now. */
  get pending(): readonly number[] {
    return [...this.#timers].map(({ dueMs }) => dueMs - this.#nowMs);
  }

  wallMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    this.#changed.notify();
    return { cancel: () => void this.#timers.delete(timer), unref: () => {} };
  }

  /** Resolves when a timer with exactly this remaining delay is pending. */
  waiting(delayMs: number): Promise<void> {
    return this.#changed.until(() => this.pending.includes(delayMs));
  }

  advance(byMs: number): void {
    this.#nowMs += byMs;
    const due = [...this.#timers].filter(({ dueMs }) => dueMs <= this.#nowMs);
    for (const timer of due) {
      this.#timers.delete(timer);
      timer.callback();
    }
  }
}
