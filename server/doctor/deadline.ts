/** An answer did not come in time. */
export class SilenceError extends Error {
  override readonly name = 'SilenceError';
}

/** Settles like `promise`, but rejects with SilenceError after `timeoutMs`. */
export async function inTime<T>(timeoutMs: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new SilenceError()), timeoutMs);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
