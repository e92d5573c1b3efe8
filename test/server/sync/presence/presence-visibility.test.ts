/**
 * Visibility of clients with y-protocols and y-websocket. No client renews its state here, because too little time
 * passes.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Presence } from '../../../../server/sync/presence/presence.ts';
import { encodeEntries, readEntries } from '../../../support/frames.ts';
import { StockPresence, talk } from '../../../support/stock-presence.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';

/** Longer than the delay of a nudge. */
const nudgedMs = 250;

function fixture(t: TestContext): {
  harness: SyncHarness;
  person: (id: number, state?: Record<string, unknown>) => StockPresence;
} {
  const harness = new SyncHarness(t);
  const person = (id: number, state?: Record<string, unknown>): StockPresence => {
    const made = new StockPresence(harness, id, state);
    t.after(() => made.awareness.destroy());
    return made;
  };
  return { harness, person };
}

/** Resolves when all effects of a join are over. */
async function settled(harness: SyncHarness, people: readonly StockPresence[]): Promise<void> {
  await talk(harness, people);
  harness.passMs(nudgedMs);
  await talk(harness, people);
}

function assertAllSeeAll(people: readonly StockPresence[]): void {
  const blind = people.flatMap((viewer) =>
    people.filter((other) => other !== viewer && !viewer.sees(other)).map((other) => `${viewer.id} of ${other.id}`),
  );
  assert.deepEqual(blind, [], 'clients that do not see another');
}

test('a client is never told that it has left, so a page that lists users by added and removed lists itself', async (t) => {
  const { harness, person } = fixture(t);
  const caret = { type: null, tname: 'text', item: null, assoc: 0 };
  const people = [person(1), person(2, { user: { name: 'Bob' }, cursor: { anchor: caret, head: caret } }), person(3)];
  const [ada, bob, eve] = people as [StockPresence, StockPresence, StockPresence];
  for (const one of people) {
    await one.connect();
    await settled(harness, people);
  }
  for (let flaps = 0; flaps < 3; flaps++) {
    bob.disconnect();
    await settled(harness, people);
    await bob.connect();
    await settled(harness, people);
  }
  assertAllSeeAll(people);
  assert.deepEqual(
    people.map(({ farewells }) => farewells),
    [0, 0, 0],
  );
  for (const { listed } of [ada, bob, eve]) assert.deepEqual(listed, new Set([1, 2, 3]));
});

test('a nudge does not change the state of the client, even if the server has changed it for others', async (t) => {
  const { harness, person } = fixture(t);
  const state = { user: 'Ada', cursor: { x: 10, y: 20 }, mouse: { x: 1 } };
  const people = [person(1, state), person(2)];
  const [ada, bob] = people as [StockPresence, StockPresence];
  const changes: unknown[] = [];
  await ada.connect();
  ada.awareness.on('change', ({ added, updated, removed }: Record<string, number[]>) =>
    changes.push(...[added, updated, removed].flat().filter((id) => id === 1)),
  );
  await bob.connect();
  await settled(harness, people);
  assert.deepEqual(ada.awareness.getLocalState(), state);
  assert.deepEqual(changes, []);
  assert.deepEqual(bob.awareness.getStates().get(1), { user: 'Ada', mouse: { x: 1 } });
});

test('a client that changes its state while a nudge is in flight keeps the change', async (t) => {
  const { harness, person } = fixture(t);
  const people = [person(1), person(2)];
  const [ada, bob] = people as [StockPresence, StockPresence];
  await ada.connect();
  await settled(harness, people);
  await bob.connect();
  harness.passMs(nudgedMs);
  ada.awareness.setLocalStateField('user', 'Ada, renamed');
  await settled(harness, people);
  assert.equal(ada.awareness.getLocalState()?.['user'], 'Ada, renamed');
  assertAllSeeAll(people);
});

test('I7: a client that has dropped others, as after a sleep, sees them again, every 10 s at most', async (t) => {
  const { harness, person } = fixture(t);
  const people = [person(1), person(2), person(3)];
  const [ada, bob, eve] = people as [StockPresence, StockPresence, StockPresence];
  for (const one of people) await one.connect();
  await settled(harness, people);

  const loseSight = async (): Promise<number> => {
    for (const other of [ada, bob]) other.renew();
    await talk(harness, people);
    assertAllSeeAll(people);
    ada.announcements = 0;
    bob.announcements = 0;
    eve.loseSightOf(ada, bob);
    await settled(harness, people);
    return ada.announcements + bob.announcements;
  };
  assert.equal(await loseSight(), 2);
  assertAllSeeAll(people);
  for (let times = 0; times < 20; times++) assert.equal(await loseSight(), 0);
  harness.sweepAfter(10_000);
  assert.equal(await loseSight(), 2);
  assertAllSeeAll(people);
});

test('a client with a fixed id that restarts its count is visible at once, with its newest state', async (t) => {
  const { harness, person } = fixture(t);
  const [ada, before] = [person(1), person(2)];
  await ada.connect();
  await before.connect();
  for (let times = 0; times < 20; times++) before.awareness.setLocalStateField('at', times);
  await settled(harness, [ada, before]);
  before.disconnect();
  await settled(harness, [ada]);
  assert.ok(!ada.sees(before));

  const reloaded = person(2, { user: 'the same again' });
  await reloaded.connect();
  // Before it is told to continue from the old clock.
  for (let times = 0; times < 5; times++) reloaded.awareness.setLocalStateField('at', `again ${times}`);
  await settled(harness, [ada, reloaded]);
  assert.equal(reloaded.awareness.getLocalState()?.['at'], 'again 4');
  // It is told once that it has left. docs/connect.md says how a page lists users nevertheless.
  assert.equal(reloaded.farewells, 1);
  assert.ok(reloaded.awareness.getStates().has(2));
  assertAllSeeAll([ada, reloaded]);
});

test('I7: the clocks of the last 1,000 departed clients are kept', () => {
  const presence = new Presence();
  for (let client = 0; client < 3_000; client++) {
    const session = { userId: 'ada', person: null };
    presence.apply(session, encodeEntries([{ client, clock: 5, state: '{}' }]), 0);
    presence.release(session);
    presence.takeDirty();
  }
  assert.equal(presence.bytes, 50_000);
  const back = (client: number): number | undefined => {
    presence.apply({ userId: 'ada', person: null }, encodeEntries([{ client, clock: 1, state: '{}' }]), 0);
    return readEntries(presence.takeDirty()!)[0]?.clock;
  };
  assert.deepEqual([back(1_999), back(2_000)], [1, 5]);
});
