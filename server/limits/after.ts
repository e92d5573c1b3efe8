/** Calls once after `delayMs`. Returns what cancels it. */
export type After = (delayMs: number, callback: () => void) => () => void;

/** By the system's timers, which do not keep the process alive. */
export function systemAfter(delayMs: number, callback: () => void): () => void {
  const timeout = setTimeout(callback, delayMs).unref();
  return () => clearTimeout(timeout);
}
