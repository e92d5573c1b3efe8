import { withDeadline } from '../limits/after.ts';

/** An answer did not come in time. */
export class SilenceError extends Error {
  override readonly name = 'SilenceError';
}

/** Settles like `promise`, but rejects with SilenceError after `timeoutMs`. */
export function inTime<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  return withDeadline(timeoutMs, promise, () => {
    throw new SilenceError();
  });
}
