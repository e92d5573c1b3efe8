import { randomFrom } from '../support/random.ts';

/** Any will do; the same for every server, so that all of them meet the same moments. */
const seed = 1;

/**
 * Calls each of `senders` at random moments, `ratePerS` times a second on average, as people who know nothing of each other
 * type. Resolves when the time is over. One timer for all of them: a timer each would cost more than what is measured.
 */
export function pace(senders: readonly (() => void)[], ratePerS: number, durationMs: number): Promise<void> {
  const random = randomFrom(seed);
  // Exponential gaps: how long it is since the last call says nothing of when the next comes (a Poisson process).
  const gapMs = (): number => (-Math.log(1 - random.fraction()) * 1000) / ratePerS;
  const startMs = performance.now();
  const dueMs = senders.map(() => startMs + gapMs());
  return new Promise((resolve) => {
    const timer = setInterval(() => {
      const elapsedMs = performance.now() - startMs;
      const untilMs = startMs + Math.min(elapsedMs, durationMs);
      for (const [index, send] of senders.entries()) {
        let due = dueMs[index] ?? Infinity;
        for (; due < untilMs; due += gapMs()) send();
        dueMs[index] = due;
      }
      if (elapsedMs < durationMs) return;
      clearInterval(timer);
      resolve();
    }, 1);
  });
}
