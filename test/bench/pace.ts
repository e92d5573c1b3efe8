/**
 * Calls each of `senders` at a steady rate, out of step with each other as people are. Resolves when the time is over.
 * One timer for all of them: a timer each would cost more than what is measured.
 */
export function pace(senders: readonly (() => void)[], ratePerS: number, durationMs: number): Promise<void> {
  const intervalMs = 1000 / ratePerS;
  const startMs = performance.now();
  const dueMs = senders.map((_, index) => startMs + (intervalMs * index) / senders.length);
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - startMs;
      const untilMs = startMs + Math.min(elapsedMs, durationMs);
      for (const [index, send] of senders.entries()) {
        for (let due = dueMs[index] ?? Infinity; due < untilMs; due += intervalMs) {
          send();
          dueMs[index] = due + intervalMs;
        }
      }
      if (elapsedMs < durationMs) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
}
