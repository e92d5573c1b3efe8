import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackBeside } from './hostile-neighbours.ts';

/** What one message may cost somebody else who waits at the wrong moment, in milliseconds. */
const maxMessageMs = 10;

test('I6: under attack the neighbour waits at most a fifth longer, 99 times of 100, and a message longer under any of them', async (t) => {
  const waits = await attackBeside(t, { rounds: 6, windowMs: 1_000, warmUpMs: 3_000 });
  for (const { attack, calmMs, attackedMs } of waits) {
    const [calm, attacked] = [p99(calmMs), p99(attackedMs)];
    t.diagnostic(`${attack.name}: p99 ${calm.toFixed(1)} ms in calm, ${attacked.toFixed(1)} ms under attack`);
  }
  for (const [what, some] of [
    ['small messages', waits.filter(({ attack }) => attack.isLarge !== true)],
    ['large messages', waits.filter(({ attack }) => attack.isLarge === true)],
    ['all', waits],
  ] as const) {
    const calm = p99(some.flatMap(({ calmMs }) => calmMs));
    const attacked = p99(some.flatMap(({ attackedMs }) => attackedMs));
    t.diagnostic(`${what}: p99 ${calm.toFixed(2)} ms in calm, ${attacked.toFixed(2)} ms under attack`);
    assert.ok(attacked <= calm * 1.2, `${what}: ${attacked} ms instead of ${calm} ms`);
  }
  for (const { attack, calmMs, attackedMs } of waits) {
    assert.ok(p99(attackedMs) <= p99(calmMs) + maxMessageMs, `${attack.name}: ${p99(attackedMs)} ms`);
  }
});

function p99(waitsMs: readonly number[]): number {
  return waitsMs.toSorted((a, b) => a - b)[Math.floor(waitsMs.length * 0.99)] ?? NaN;
}
