import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { adaptivePacing } from '../../../persistence/log/pacing.ts';

/** What a batch waits for when the process is this busy: 'turn' for the end of the turn, else milliseconds. */
function waitsFor(t: TestContext, share: number): 'turn' | number {
  t.mock.timers.enable({ apis: ['setTimeout', 'setImmediate'] });
  try {
    let started = false;
    adaptivePacing(
      () => 0,
      () => share,
    )(() => {
      started = true;
    });
    t.mock.timers.tick(0);
    if (started) return 'turn';
    for (let waitedMs = 1; waitedMs <= 10; waitedMs += 1) {
      t.mock.timers.tick(1);
      if (started) return waitedMs;
    }
    return Infinity;
  } finally {
    t.mock.timers.reset();
  }
}

test('a batch starts at the end of the turn while the process is idle, and gathers for up to 2 ms when it is busy', (t) => {
  assert.equal(waitsFor(t, 0), 'turn');
  assert.equal(waitsFor(t, 0.04), 'turn');
  assert.equal(waitsFor(t, 0.08), 1);
  assert.equal(waitsFor(t, 0.12), 2);
  assert.equal(waitsFor(t, 1), 2);
});

test('how busy the process is is looked up once in 50 ms', () => {
  let nowMs = 0;
  let looked = 0;
  const pacing = adaptivePacing(
    () => nowMs,
    () => {
      looked += 1;
      return 0;
    },
  );
  for (nowMs = 0; nowMs < 100; nowMs += 10) pacing(() => {});
  assert.equal(looked, 2);
});
