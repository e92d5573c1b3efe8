/**
 * How long any test waits for something before it fails, in milliseconds. It only guards against hanging: no verdict depends
 * on it. Generous, because others may be at work on the same cores; less than the runner gives a file.
 */
export const guardMs = 120_000;

/**
 * Resolves or rejects like `promise`, but rejects after `timeoutMs` with an error that names what was missing.
 * `missing` may be a function, so that it can say how far things had come.
 */
export async function within<T>(timeoutMs: number, missing: string | (() => string), promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  // Made here, so that its stack names the test that waits and not the timer.
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

/** Resolves after `delayMs`: for pacing what a test does, never for waiting until something has happened. */
export function paced(delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, delayMs);
  });
}
