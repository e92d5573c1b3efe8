import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withDeadline } from '../../../server/limits/after.ts';

function never(): Promise<string> {
  return new Promise(() => {});
}

test('a promise that settles before its deadline decides, and leaves no timer behind', async (t) => {
  const cleared = t.mock.method(globalThis, 'clearTimeout');
  const late = t.mock.fn(() => 'late');
  assert.equal(await withDeadline(60_000, Promise.resolve('in time'), late), 'in time');
  await assert.rejects(withDeadline(60_000, Promise.reject(new Error('failed')), late), /failed/);
  assert.deepEqual([cleared.mock.callCount(), late.mock.callCount()], [2, 0]);
});

test('after the deadline the result is what the fallback returns or throws', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const returned = withDeadline(1_000, never(), () => 'late');
  const thrown = withDeadline(1_000, never(), () => {
    throw new Error('too late');
  });
  const rejected = assert.rejects(thrown, /too late/);
  t.mock.timers.tick(1_000);
  assert.equal(await returned, 'late');
  await rejected;
});
