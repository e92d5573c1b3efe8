import { randomFrom } from '../support/random.ts';

/** Any number, the same for every server, so that all of them get edits at the same moments. */
const seed = 1;

/**
 * Calls each of `senders` at random moments, `ratePerS` times a second on average, like independent users who type.
 * Resolves after `durationMs`. All senders share one timer, because a timer each would cost more than the measured
 * work.
 */
export function pace(senders: readonly (() => void)[], ratePerS: number, durationMs: number): Promise<void> {
  const random = randomFrom(seed);
  // Exponential gaps (a Poisson process): the time since the last call does not predict the next call.
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
