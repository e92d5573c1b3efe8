/** A timer that was started. */
export interface Timer {
  /** Twice is fine. */
  cancel(): void;
  /** It no longer keeps the process alive. */
  unref(): void;
}

/** Time, as the log sees it; tests bring their own. */
export interface Clock {
  /** Milliseconds since 1970. */
  wallMs(): number;
  /** Milliseconds since any moment; never jumps. For durations. */
  monotonicMs(): number;
  /** Calls once after `delayMs`. */
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
