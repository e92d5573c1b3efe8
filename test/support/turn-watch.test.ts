import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, test } from 'node:test';
import { mainThreadCpuMs } from './main-thread-cpu.ts';
import { slownessOf, watchTurns } from './turn-watch.ts';

/** Without a figure of the kernel for the CPU time of a thread, the time on the clock counts. */
const needsThreadTimes = { skip: mainThreadCpuMs() === null };

/** Computes until it has used this much CPU time, however busy the machine is. */
function compute(cpuMs: number): void {
  const end = (mainThreadCpuMs() ?? 0) + cpuMs;
  while ((mainThreadCpuMs() ?? Infinity) < end);
}

async function longestOf(turn: () => void): Promise<number> {
  const watch = watchTurns();
  await delay(5);
  turn();
  await delay(5);
  return watch.end();
}

describe('the watch of turns', { ...needsThreadTimes }, () => {
  test('sees a turn that computes', async () => {
    assert.ok((await longestOf(() => compute(150))) > 100);
  });

  test('takes a long turn for shorter on a machine that is slow at that moment', async () => {
    const watch = watchTurns(() => 5);
    await delay(5);
    compute(150);
    await delay(5);
    const longestMs = watch.end();
    assert.ok(longestMs > 20 && longestMs < 100, `${longestMs} ms`);
  });

  test('sees nothing in a turn in which the thread waits for others', async () => {
    const longestMs = await longestOf(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300));
    assert.ok(longestMs < 100, `${longestMs} ms`);
  });

  test('does not add up turns', async () => {
    const watch = watchTurns();
    for (let i = 0; i < 10; i++) {
      compute(20);
      await delay(1);
    }
    assert.ok(watch.end() < 150);
  });
});

test('the measured slowness counts CPU time, and not time in which other processes are at work', () => {
  const waits = slownessOf(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20), 5);
  assert.equal(waits(), 1);
});
