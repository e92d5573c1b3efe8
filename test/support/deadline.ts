/**
 * How long any test waits for something before it fails, in milliseconds. It only guards against hanging, and no
 * verdict depends on it. Generous, because other processes may use the same cores, but less than the runner gives a
 * file.
 */
export const guardMs = 120_000;

/**
 * Resolves or rejects like `promise`, but rejects after `timeoutMs` with an error that says what is missing. `missing`
 * may be a function, which can describe the progress at that moment.
 */
export async function within<T>(timeoutMs: number, missing: string | (() => string), promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  // Created here, so that its stack names the waiting test and not the timer.
  const error = new Error();
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      error.message = `Still missing after ${timeoutMs} ms: ${typeof missing === 'string' ? missing : missing()}`;
      reject(error);
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Resolves after `delayMs`. Only for pacing the actions of a test, never for waiting until something has happened. */
export function paced(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
