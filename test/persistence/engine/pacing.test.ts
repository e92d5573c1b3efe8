import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { adaptivePacing } from '../../../persistence/engine/pacing.ts';

/** The delay of each batch. A batch is requested every 10 ms, after `perBatch` more entries have arrived. */
function waits(t: TestContext, perBatch: readonly number[]): readonly ('turn' | number)[] {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  let nowMs = 0;
  let arrived = 0;
  const pacing = adaptivePacing(() => nowMs);
  return perBatch.map((entries) => {
    const start = t.mock.fn();
    nowMs += 10;
    arrived += entries;
    pacing(start, arrived);
    t.mock.timers.tick(0);
    if (start.mock.callCount() === 1) return 'turn';
    let waitedMs = 0;
    for (; start.mock.callCount() === 0 && waitedMs < 10; waitedMs++) t.mock.timers.tick(1);
    return waitedMs;
  });
}

const times = <T>(count: number, value: T): T[] => Array.from({ length: count }, () => value);

test('below 500 entries per second a batch starts at the end of the turn, because waiting would add no entries', (t) => {
  assert.deepEqual(waits(t, times(20, 4)), times(20, 'turn'));
});

test('from 500 entries per second on a batch is delayed by 2 ms, until at most 50 ms after the rate has dropped', (t) => {
  const delays = waits(t, [...times(10, 6), ...times(10, 1)]);
  assert.deepEqual(delays.slice(0, 5), times(5, 'turn'));
  assert.deepEqual(delays.slice(5, 10), times(5, 2));
  assert.deepEqual(delays.slice(-5), times(5, 'turn'));
});
