/** Calls the callback once after `delayMs`. Returns a function that cancels it. */
export type After = (delayMs: number, callback: () => void) => () => void;

/** Uses the system's timers. The timer does not keep the process alive. */
export function systemAfter(delayMs: number, callback: () => void): () => void {
  const timeout = setTimeout(callback, delayMs).unref();
  return () => clearTimeout(timeout);
}

/**
 * Settles like `promise`. If that takes longer than `timeoutMs`, calls `late` and settles with its result, or rejects
 * with what it throws. The timer keeps the process alive.
 */
export async function withDeadline<T>(timeoutMs: number, promise: Promise<T>, late: () => T): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  try {
    return await Promise.race([promise, expired.then(late)]);
  } finally {
    clearTimeout(timer);
  }
}
