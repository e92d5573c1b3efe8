import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Inspector, inspectorArgs } from './inspector.ts';
import { Quire } from './quire.ts';

test('an inspector evaluates in a turn of its own, never in the middle of another', async (t) => {
  // The process is nearly always in the middle of one. An inspector interrupts at each loop.
  const busy = `setInterval(() => {
    globalThis.inTurn = true;
    for (const end = performance.now() + 20; performance.now() < end; );
    globalThis.inTurn = false;
  }, 1)`;
  const quire = await Quire.start(t, { tls: 'off', nodeArgs: inspectorArgs });
  const inspector = await Inspector.attach(quire.process);
  t.after(() => inspector.close());

  await inspector.evaluate(`${busy}, true`);
  const seen = new Set<unknown>();
  for (let i = 0; i < 20; i++) seen.add(await inspector.evaluate('inTurn'));
  assert.deepEqual(seen, new Set([false]));
});
