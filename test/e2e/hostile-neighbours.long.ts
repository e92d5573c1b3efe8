import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackBeside } from './hostile-neighbours.ts';

/** I6: what one turn of the event loop may take. */
const maxTurnMs = 50;

test('I6: under attack the neighbour waits at most a fifth longer, 99 times of 100, and a turn longer for large messages', async (t) => {
  const waits = await attackBeside(t, { rounds: 5, windowMs: 1_000 });
  for (const { attack, calmMs, attackedMs } of waits) {
    const [calm, attacked] = [p99(calmMs), p99(attackedMs)];
    t.diagnostic(`${attack.name}: p99 ${calm.toFixed(1)} ms in calm, ${attacked.toFixed(1)} ms under attack`);
  }
  const small = waits.filter(({ attack }) => attack.isLarge !== true);
  const calm = p99(small.flatMap(({ calmMs }) => calmMs));
  const attacked = p99(small.flatMap(({ attackedMs }) => attackedMs));
  t.diagnostic(`of small messages: p99 ${calm.toFixed(1)} ms in calm, ${attacked.toFixed(1)} ms under attack`);
  assert.ok(attacked <= calm * 1.2, `${attacked} ms instead of ${calm} ms`);
  for (const { attack, calmMs, attackedMs } of waits) {
    if (attack.isLarge !== true) continue;
    assert.ok(p99(attackedMs) <= p99(calmMs) + maxTurnMs, `${attack.name}: ${p99(attackedMs)} ms`);
  }
});

function p99(waitsMs: readonly number[]): number {
  return waitsMs.toSorted((a, b) => a - b)[Math.floor(waitsMs.length * 0.99)] ?? NaN;
}
