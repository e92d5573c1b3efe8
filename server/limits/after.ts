/** Calls the callback once after `delayMs`. Returns a function that cancels it. */
export type After = (delayMs: number, callback: () => void) => () => void;

/** Uses the system's timers, and does not keep the process alive. */
export function systemAfter(delayMs: number, callback: () => void): () => void {
  const timeout = setTimeout(callback, delayMs).unref();
  return () => clearTimeout(timeout);
}
