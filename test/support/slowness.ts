import assert from 'node:assert/strict';
import { cpuTimeMs } from './cpu-time.ts';

/** The CPU time of `referenceWork` on the machine where the limits of the tests were chosen, in milliseconds. */
export const referenceMs = 10;
const rounds = 5;
/** Results of a machine slower than this mean little. */
const maxSlowness = 20;

/**
 * How many times slower this machine is at the moment than the one where the limits of the tests were chosen, at least
 * 1. Other processes may use the same cores.
 */
export function slowness(): number {
  const times = Array.from({ length: rounds }, () => cpuTimeMs(referenceWork, Infinity)).sort((a, b) => a - b);
  return Math.min(maxSlowness, Math.max(1, (times[rounds >>> 1] ?? 0) / referenceMs));
}

/**
 * Fails if `tookMs`, a CPU time, is above the limit, also when the limit is scaled by the current slowness of this
 * machine.
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
 * Work like that of the server: numbers from bytes, maps, short-lived objects. Uses nothing from outside, so that its
 * source can run in another process.
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
