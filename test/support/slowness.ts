import assert from 'node:assert/strict';
import { cpuTimeMs } from './cpu-time.ts';

/** What `referenceWork` takes where the limits in the tests were chosen, in milliseconds. */
export const referenceMs = 10;
const rounds = 5;
/** What is slower than this tells of a test run that is not worth much. */
const maxSlowness = 20;

/**
 * How many times slower than usual this machine computes at the moment, at least 1: others may be at work on the same cores,
 * and not every machine is the one where the limits in the tests were chosen.
 */
export function slowness(): number {
  const times = Array.from({ length: rounds }, () => cpuTimeMs(referenceWork, Infinity)).sort((a, b) => a - b);
  return Math.min(maxSlowness, Math.max(1, (times[rounds >>> 1] ?? 0) / referenceMs));
}

/**
 * Fails if `tookMs`, which must be time of the processor, is above the limit, and above what the limit is on a machine as slow
 * as this one is at the moment.
 */
export function assertTook(tookMs: number, limitMs: number, what: string): void {
  if (tookMs <= limitMs) return;
  const times = slowness();
  assert.ok(
    tookMs <= limitMs * times,
    `${what} ${tookMs.toFixed(1)} ms, on a machine ${times.toFixed(1)} times slower`,
  );
}

/**
 * Some of what the server does all day: numbers out of bytes, maps, short-lived objects. Uses nothing from outside, so that
 * its source can be run in another process.
 */
export function referenceWork(): number {
  const bytes = new Uint8Array(1 << 16).map((_, i) => (i * 7919) >>> 3);
  const map = new Map<number, { count: number; last: number }>();
  for (let round = 0; round < 8; round++) {
    for (let i = 0; i < bytes.length; i++) {
      const key = ((bytes[i] ?? 0) << 4) | (i & 15);
      const seen = map.get(key);
      map.set(key, { count: (seen?.count ?? 0) + 1, last: i });
    }
  }
  return map.size;
}
