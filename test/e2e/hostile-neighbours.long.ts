import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackBeside } from './hostile-neighbours.ts';

test('I6: during six seconds of each attack, a neighbour loses no edit, and no message takes longer than a turn', async (t) => {
  const waits = await attackBeside(t, { rounds: 6, windowMs: 1_000, warmUpMs: 3_000 });
  // Only printed: how long an edit waits also depends on other processes.
  for (const { attack, calmMs, attackedMs } of waits) {
    const [calm, attacked] = [p99(calmMs), p99(attackedMs)];
    t.diagnostic(`${attack.name}: p99 ${calm.toFixed(1)} ms in calm, ${attacked.toFixed(1)} ms under attack`);
    assert.ok(attackedMs.length > 0);
  }
});

function p99(waitsMs: readonly number[]): number {
  return waitsMs.toSorted((a, b) => a - b)[Math.floor(waitsMs.length * 0.99)] ?? NaN;
}
