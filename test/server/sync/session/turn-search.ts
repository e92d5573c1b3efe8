import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { encodeStateVector } from '../../../../persistence/update/state-vector.ts';
import { collectGarbage } from '../../../support/collect-garbage.ts';
import { encodeFrame } from '../../../support/frames.ts';
import { randomFrom } from '../../../support/random.ts';
import type { Random } from '../../../support/random.ts';
import { slowness } from '../../../support/slowness.ts';
import { watchTurns } from '../../../support/turn-watch.ts';
import { shapeOf } from '../../../support/update-shapes.ts';
import type { Shape } from '../../../support/update-shapes.ts';
import { WorkerSite } from '../../../support/worker-site.ts';

/** I6: the longest turn of the event loop that any input may cause. */
const maxTurnMs = 50;

export interface TurnSearch {
  readonly random: Random;
  /** The shapes to try, each `rounds` times. */
  readonly shapes: readonly string[];
  readonly rounds: number;
  readonly minBytes: number;
  readonly maxBytes: number;
}

/**
 * Sends generated updates of every shape to rooms with real worker threads, joins as clients that have nothing or a
 * part, and finds the longest turn of the event loop. Asserts that no turn is longer than `maxTurnMs` on a machine of
 * the usual speed. A longer turn is tried again, because it may include a garbage collection.
 */
export async function searchTurns(
  t: TestContext,
  { random, shapes, rounds, minBytes, maxBytes }: TurnSearch,
): Promise<void> {
  const tooLong: string[] = [];
  let longest = { ms: 0, what: '' };
  // The first run of the code takes many times as long, which is not caused by the input.
  for (const name of shapes) await tryShape(shapeOf(name, random, 50_000), 1);
  for (let round = 0; round < rounds; round++) {
    for (const name of shapes) {
      const seed = random.below(2 ** 31);
      const bytes = Math.round(minBytes * (maxBytes / minBytes) ** random.fraction());
      let leastMs = Infinity;
      for (let trial = 0; trial < 3 && leastMs > maxTurnMs; trial++) {
        leastMs = Math.min(leastMs, await tryShape(shapeOf(name, randomFrom(seed), bytes), seed));
      }
      const what = `${name}, ${bytes} bytes, seed ${seed}: ${leastMs.toFixed(1)} ms`;
      if (leastMs > longest.ms) longest = { ms: leastMs, what };
      if (leastMs > maxTurnMs && leastMs > maxTurnMs * slowness()) tooLong.push(what);
    }
  }
  t.diagnostic(`longest turn: ${longest.what}`);
  assert.deepEqual(tooLong, []);
}

/** Returns the longest turn, in milliseconds of CPU time. */
async function tryShape({ updates }: Shape, seed: number): Promise<number> {
  const random = randomFrom(seed);
  const ends: (() => unknown)[] = [];
  const site = new WorkerSite({ after: (end) => void ends.push(end) });
  const type = random.pick(['update', 'sync-step-2'] as const);
  const messages = updates.map((update) => encodeFrame({ type, update }));
  const reader = await site.connect('doc', 'read').live();
  await reader.sync();
  collectGarbage();
  const watch = watchTurns();
  // If a client is refused, the next one sends the remaining messages.
  let writer = await site.connect('doc').live();
  for (const message of messages) {
    if (writer.closeCode !== null) writer = await site.connect('doc').live();
    writer.sendBytes(message);
    if (messages.length < 10) await writer.sync(everything);
    else await nextTurn();
  }
  await writer.sync(everything);
  const late = await site.connect('doc').live();
  await late.sync();
  await late.sync(encodeStateVector(new Map([5, 6, 7, 8, 9].map((client) => [client, 1 + random.below(5_000)]))));
  late.vanish();
  writer.vanish();
  reader.vanish();
  await site.unload('doc');
  const again = await site.connect('doc').live();
  await again.sync();
  assert.equal(again.closeCode, null, 'the document can be opened again');
  again.vanish();
  const longestMs = watch.end();
  assert.deepEqual(site.roomFailures, []);
  for (const end of ends) await end();
  return longestMs;
}

/**
 * The state vector of a client that lacks nothing: the answer is small, and comes after all its messages were handled.
 */
const everything = encodeStateVector(new Map(Array.from({ length: 20 }, (_, i) => [i, 2 ** 32 - 1])));
