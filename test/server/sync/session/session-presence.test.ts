/** Presence and keep-alive messages of sessions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SyncHarness } from '../../../support/sync-harness.ts';

test('a client that was sent nothing for 15 s gets a keep-alive message, and no other client does', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  harness.sweepAfter(1_000);
  client.send({ type: 'query-awareness' });
  client.take();
  harness.sweepAfter(14_000);
  assert.deepEqual(client.take(), []);
  harness.sweepAfter(1_000);
  assert.deepEqual(client.take(), [{ type: 'awareness', entries: [] }]);
  harness.sweepAfter(14_000);
  assert.deepEqual(client.take(), []);
  harness.sweepAfter(1_000);
  assert.deepEqual(client.take(), [{ type: 'awareness', entries: [] }]);
});

test('a query for presence is always answered, also if no client is present', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  client.send({ type: 'query-awareness' });
  assert.deepEqual(client.take(), [{ type: 'awareness', entries: [] }]);
});

test('a state that is renewed every 15 s stays; one that is not disappears for all clients after 30 s', async (t) => {
  const harness = new SyncHarness(t);
  const [ada, bob] = [await harness.synced(), await harness.synced({ userId: 'bob' })];
  ada.send({ type: 'awareness', entries: [{ client: 1, clock: 1, state: '{}' }] });
  bob.send({ type: 'awareness', entries: [{ client: 2, clock: 1, state: '{}' }] });
  harness.sweepAfter(15_000);
  ada.send({ type: 'awareness', entries: [{ client: 1, clock: 2, state: '{}' }] });
  await harness.settle();
  ada.take();
  harness.sweepAfter(15_000);
  await harness.settle();
  const heard = ada.takeOf('awareness').flatMap((frame) => frame.entries);
  assert.deepEqual(heard, [{ client: 2, clock: 1, state: null }]);
  bob.take();
  bob.send({ type: 'query-awareness' });
  assert.deepEqual(bob.take(), [{ type: 'awareness', entries: [{ client: 1, clock: 2, state: '{}' }] }]);
});

test('a client that leaves while another one is joining disappears for the joining client', async (t) => {
  const harness = new SyncHarness(t);
  const bob = await harness.synced({ userId: 'bob' });
  bob.send({ type: 'awareness', entries: [{ client: 2, clock: 1, state: '{}' }] });
  await harness.settle();
  const ada = await harness.live();
  assert.deepEqual(
    ada.takeOf('awareness').map((frame) => frame.entries[0]?.state),
    ['{}'],
  );
  bob.vanish();
  await harness.settle();
  assert.deepEqual(
    ada.takeOf('awareness').map((frame) => frame.entries),
    [[{ client: 2, clock: 1, state: null }]],
  );
});

test('a client that leaves while a slow reader is behind disappears for the reader once it has caught up', async (t) => {
  const harness = new SyncHarness(t);
  const [ada, bob, eve] = [await harness.synced(), await harness.synced(), await harness.synced()];
  bob.send({ type: 'awareness', entries: [{ client: 2, clock: 5, state: '{}' }] });
  eve.send({ type: 'awareness', entries: [{ client: 3, clock: 1, state: '{}' }] });
  await harness.settle();
  ada.take();
  ada.connection.bufferedBytes = 64 * 1024;
  bob.vanish();
  await harness.settle();
  assert.deepEqual(ada.take(), []);
  ada.drain();
  const entries = ada.takeOf('awareness').flatMap((frame) => frame.entries);
  assert.deepEqual(entries, [
    { client: 3, clock: 1, state: '{}' },
    { client: 2, clock: 5, state: null },
  ]);
});
