/** The rates at which a session may send and ask: a client that sends faster is read later, and loses nothing. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyStateVector } from '../../../support/frames.ts';
import type { Frame } from '../../../support/frames.ts';
import { Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';
import type { FakeClient } from '../../../support/sync-harness.ts';

const mib = 1024 * 1024;

function state(client: number, clock: number, value = 'x'): Frame {
  return { type: 'awareness', entries: [{ client, clock, state: JSON.stringify({ value }) }] };
}

/** Does what a stock client does with presence: sends all of it back, except its own. */
function echo(client: FakeClient, ownId: number): void {
  for (const { entries } of client.takeOf('awareness')) {
    const others = entries.filter((entry) => entry.client !== ownId);
    if (others.length > 0) client.send({ type: 'awareness', entries: others });
  }
}

test('I7: a flood of messages is read at the allowed rate, and none of it is lost', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced({ limits: { messageRate: { perSecond: 10, burst: 20 } } });
  harness.sweepAfter(10_000);
  const typist = new Typist();
  for (let i = 0; i < 20; i++) client.edit(typist.type('x'));
  assert.equal(client.connection.paused, false);
  // Messages that were read from the socket already are still handled.
  for (let i = 0; i < 20; i++) client.edit(typist.type('x'));
  assert.equal(client.connection.paused, true);
  harness.sweepAfter(1_000);
  assert.equal(client.connection.paused, true);
  harness.sweepAfter(1_000);
  assert.equal(client.connection.paused, false);
  assert.equal(harness.stats.limitsReached.get('message-rate'), 1);
  client.probe(1);
  await harness.settle();
  harness.log.commit('doc');
  assert.deepEqual(client.savedMarks, [1]);
  assert.equal(harness.stats.updatesAppended, 40);
  assert.equal(client.closeCode, null);
});

test('I7: a flood of bytes is read at the allowed rate', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced({ limits: { receiveRate: { perSecond: 1_000, burst: 2_000 } } });
  client.edit(new Typist().type('x'.repeat(5_000)));
  assert.equal(client.connection.paused, true);
  for (let second = 1; second <= 3; second++) harness.sweepAfter(1_000);
  assert.equal(client.connection.paused, true);
  harness.sweepAfter(1_000);
  assert.equal(client.connection.paused, false);
  assert.equal(harness.stats.limitsReached.get('receive-rate'), 1);
});

test('a client over its rate is not read again just because its queue is empty', async (t) => {
  const harness = new SyncHarness(t);
  const client = harness.connect({ limits: { messageRate: { perSecond: 1, burst: 4 } } });
  const typist = new Typist();
  for (let i = 0; i < 10; i++) client.edit(typist.type('x'));
  await harness.settle();
  assert.ok(client.live);
  assert.equal(client.connection.paused, true);
  harness.sweepAfter(10_000);
  assert.equal(client.connection.paused, false);
});

test('a paste of 1 MB and 20 MB of offline edits are handled at once', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  client.answer(new Typist().type('x'.repeat(20 * mib - 100)));
  await harness.settle();
  client.edit(new Typist().type('x'.repeat(mib)));
  await harness.settle();
  assert.equal(client.connection.paused, false);
  assert.equal(harness.stats.updatesAppended, 2);
  assert.equal(harness.stats.limitsReached.size, 0);
});

test('presence that stock clients send back is not counted', async (t) => {
  const harness = new SyncHarness(t);
  const limits = { messageRate: { perSecond: 6, burst: 12 } };
  const people: FakeClient[] = [];
  for (let id = 1; id <= 30; id++) {
    const client = await harness.synced({ userId: `user ${id}`, limits });
    client.send(state(id, 1));
    people.push(client);
  }
  for (let second = 0; second < 8; second++) {
    for (let move = 0; move < 5; move++) {
      for (const [index, client] of people.entries()) client.send(state(index + 1, 10 + second * 5 + move));
      await harness.settle();
      for (const [index, client] of people.entries()) echo(client, index + 1);
      await harness.settle();
    }
    harness.sweepAfter(1_000);
  }
  assert.deepEqual([...harness.stats.limitsReached], []);
  assert.ok(people.every(({ connection, closeCode }) => !connection.paused && closeCode === null));
});

test('I7: presence that was never sent to the client is counted, though it changes nothing', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced({ limits: { messageRate: { perSecond: 10, burst: 20 } } });
  client.send(state(1, 1));
  for (let i = 0; i < 30; i++) client.send(state(2, 1));
  assert.equal(client.connection.paused, true);
});

test('a pointer that moves too fast is sent once a second, and the edits of its owner do not wait', async (t) => {
  const harness = new SyncHarness(t);
  const limits = { presenceRate: { perSecond: 5, burst: 10 } };
  const ada = await harness.synced({ limits });
  const bob = await harness.synced({ userId: 'bob' });
  for (let clock = 1; clock <= 50; clock++) {
    ada.send(state(1, clock));
    await harness.settle();
  }
  const seen = bob.takeOf('awareness').flatMap(({ entries }) => entries.map(({ clock }) => clock));
  assert.deepEqual(seen.slice(0, 10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  // Then one state at each sweep; the harness has let a few pass.
  assert.ok(seen.length < 16, `${seen.length} times`);
  assert.equal(harness.stats.limitsReached.get('presence-rate'), 40);
  harness.sweepAfter(1_000);
  await harness.settle();
  assert.deepEqual(
    bob.takeOf('awareness').flatMap(({ entries }) => entries.map(({ clock }) => clock)),
    [50],
  );
  ada.edit(new Typist().type('x'));
  assert.equal(harness.stats.updatesAppended, 1);
  assert.equal(ada.connection.paused, false);
});

test('I7: a client that asks for the document repeatedly waits when it was sent too many bytes', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.store('doc', [new Typist().type('x'.repeat(5_000))]);
  const client = await harness.live({ limits: { syncRate: { perSecond: 1_000, burst: 2_000 } } });
  const answers = async (): Promise<number> => {
    await harness.settle();
    return client.connection.framesOf('sync-step-2').length;
  };
  for (let i = 0; i < 2; i++) client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
  assert.equal(await answers(), 1);
  for (let second = 1; second <= 3; second++) harness.sweepAfter(1_000);
  assert.equal(await answers(), 1);
  harness.sweepAfter(1_000);
  assert.equal(await answers(), 2);
  assert.equal(harness.stats.limitsReached.get('sync-rate'), 1);
});

test('I7: a client that sends SyncStep1 more than twice a second waits, and may leave meanwhile', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.live();
  for (let i = 0; i < 41; i++) {
    client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
    await harness.settle();
  }
  assert.equal(client.connection.framesOf('sync-step-2').length, 40);
  assert.equal(harness.stats.limitsReached.get('sync-requests'), 1);
  harness.sweepAfter(1_000);
  await harness.settle();
  assert.equal(client.connection.framesOf('sync-step-2').length, 41);
  for (let i = 0; i < 3; i++) client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
  await harness.settle();
  client.vanish();
  await harness.settle();
});

test('I7: one connection can add a bounded number of client ids to a document', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced({ limits: { maxNewClients: 3 } });
  const typists = Array.from({ length: 4 }, () => new Typist());
  for (const typist of typists.slice(0, 3)) client.edit(typist.type('x'));
  for (let i = 0; i < 10; i++) client.edit(typists[0]!.type('y'));
  assert.equal(client.closeCode, null);
  client.edit(typists[3]!.type('x'));
  assert.equal(client.closeCode, 4413);
  assert.equal(harness.stats.limitsReached.get('new-clients'), 1);
  assert.equal(harness.stats.updatesAppended, 13);
});
