import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { FairPlaces, NoPlaceError } from '../../../server/limits/fair-places.ts';
import type { NoPlaceReason } from '../../../server/limits/fair-places.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { randomOf } from '../../support/random.ts';

const stays = (): boolean => false;

/** Places whose use ends on command. `inUse` names the users in the order in which they got a place. */
function setUp(options: Partial<ConstructorParameters<typeof FairPlaces>[0]> = {}) {
  const clock = new ManualClock();
  const all = { places: 8, maxWaitingPerKey: 100, maxWaiting: 1_000, maxWaitMs: 3_000, ...options };
  const places = new FairPlaces(all, (delayMs, callback) => {
    const timer = clock.after(delayMs, callback);
    return () => timer.cancel();
  });
  const inUse: { readonly key: string; end(): void }[] = [];
  const refused: NoPlaceReason[] = [];
  const enter = async (key: string, isGone = stays): Promise<void> => {
    try {
      await places.use(key, isGone, () => new Promise<void>((resolve) => inUse.push({ key, end: resolve })));
    } catch (error) {
      if (!(error instanceof NoPlaceError)) throw error;
      refused.push(error.reason);
    }
  };
  const enterTimes = (key: string, times: number): void => {
    for (let time = 0; time < times; time++) void enter(key);
  };
  const count = (key: string): number => inUse.filter((one) => one.key === key).length;
  /** Ends the oldest use of a key, and waits until the free place is given away. */
  const end = async (key: string): Promise<void> => {
    inUse
      .splice(
        inUse.findIndex((one) => one.key === key),
        1,
      )[0]
      ?.end();
    await nextTurn();
  };
  return { places, clock, inUse, refused, enter, enterTimes, count, end };
}

test('one key alone gets half of the places, and another key gets its first place at once', async () => {
  const { enterTimes, count, places } = setUp();
  enterTimes('a', 50);
  await nextTurn();
  assert.equal(count('a'), 4);
  enterTimes('b', 1);
  await nextTurn();
  assert.equal(count('b'), 1);
  assert.equal(places.waitingCount, 46);
});

test('when all places are taken, the next free one goes to a key without places, even if many wait before it', async () => {
  const { enterTimes, count, end, inUse } = setUp();
  for (let key = 0; key < 8; key++) enterTimes(`k${key}`, 1);
  for (let key = 0; key < 8; key++) enterTimes(`k${key}`, 50);
  await nextTurn();
  assert.equal(inUse.length, 8);
  enterTimes('honest', 1);
  await nextTurn();
  assert.equal(count('honest'), 0);
  await end('k3');
  assert.equal(count('honest'), 1);
});

test('waiting keys take turns, and none is served twice before the others', async () => {
  const { enterTimes, end, inUse } = setUp({ places: 1 });
  enterTimes('busy', 1);
  for (const key of ['a', 'b', 'c']) enterTimes(key, 3);
  await nextTurn();
  const served: string[] = [];
  for (let turn = 0; turn < 9; turn++) {
    await end(inUse[0]!.key);
    served.push(inUse[0]!.key);
  }
  assert.deepEqual(served, ['a', 'b', 'c', 'a', 'b', 'c', 'a', 'b', 'c']);
});

test('waiting calls are bounded per key, in total and in time, and a refused call is told why', async () => {
  const { enterTimes, refused, clock, places } = setUp({ places: 2, maxWaitingPerKey: 3, maxWaiting: 5 });
  enterTimes('a', 1 + 3);
  enterTimes('b', 1 + 2);
  await nextTurn();
  assert.deepEqual(refused, []);
  enterTimes('a', 1);
  enterTimes('c', 1);
  await nextTurn();
  assert.deepEqual(refused, ['too-many-of-key', 'too-many']);
  clock.advance(3_000);
  await nextTurn();
  assert.deepEqual(
    refused.slice(2),
    Array.from({ length: 5 }, () => 'too-late'),
  );
  assert.equal(places.waitingCount, 0);
  assert.deepEqual(clock.pending, []);
});

test('a client that has left takes no place', async () => {
  const { enter, enterTimes, end, refused, count } = setUp({ places: 1 });
  enterTimes('a', 1);
  await nextTurn();
  for (let i = 0; i < 10; i++) void enter('a', () => true);
  enterTimes('a', 1);
  await end('a');
  assert.deepEqual(
    refused,
    Array.from({ length: 10 }, () => 'gone'),
  );
  assert.equal(count('a'), 1);
});

test('in random runs no place is lost or given twice, and none stays free while a call may have it', async (t) => {
  const random = randomOf(t);
  const { inUse, enterTimes, end, places, clock, refused } = setUp();
  let entered = 0;
  let ended = 0;
  for (let step = 0; step < 2_000; step++) {
    const dice = random.fraction();
    if (dice < 0.5) {
      enterTimes(`k${Math.floor(random.fraction() * 12)}`, 1);
      entered++;
    } else if (dice < 0.97 && inUse.length > 0) {
      await end(inUse[Math.floor(random.fraction() * inUse.length)]!.key);
      ended++;
    } else {
      clock.advance(1_000);
    }
    await nextTurn();
    assert.ok(inUse.length <= 8);
    assert.equal(entered, ended + inUse.length + refused.length + places.waitingCount);
    const taken = new Map<string, number>();
    for (const { key } of inUse) taken.set(key, (taken.get(key) ?? 0) + 1);
    if (inUse.length === 0) assert.equal(places.waitingCount, 0);
    if (inUse.length < 8 && places.waitingCount > 0) assert.ok(Math.max(...taken.values()) >= 8 - inUse.length);
  }
});
