/** A timer that has been started. */
export interface Timer {
  /** Can be called more than once. */
  cancel(): void;
  /** Stops keeping the process alive. */
  unref(): void;
}

/** The time source of the log. Tests inject their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Milliseconds since an arbitrary moment. Never jumps; use it for durations. */
  monotonicMs(): number;
  /** Calls `callback` once after `delayMs`. */
  after(delayMs: number, callback: () => void): Timer;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(delayMs, callback) {
    const timeout = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(timeout), unref: () => timeout.unref() };
  },
};
