import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogError } from '../../../../persistence/errors.ts';
import { textFrom, Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';

const kib = 1024;
const typesOf = (frames: readonly { type: string }[]) => frames.map((frame) => frame.type);

test('the server sends SyncStep1 first, then presence', async (t) => {
  const harness = new SyncHarness(t);
  const ada = await harness.live();
  assert.deepEqual(typesOf(ada.take()), ['sync-step-1']);
  ada.send({ type: 'awareness', entries: [{ client: 1, clock: 1, state: '{}' }] });
  await harness.settle();
  const bob = await harness.live({ userId: 'bob' });
  assert.deepEqual(typesOf(bob.take()), ['sync-step-1', 'awareness']);
});

test('a session is established by the first message of its client', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.live();
  assert.equal(client.connection.isEstablished, false);
  client.send({ type: 'query-awareness' });
  assert.equal(client.connection.isEstablished, true);
});

test('a session that has ended is closed once, counted once, and gets nothing any more', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.live();
  client.sendBytes(Uint8Array.of(77));
  const { length } = client.connection.writes;
  client.sendBytes(Uint8Array.of(77));
  client.send({ type: 'query-awareness' });
  client.vanish();
  harness.sweepAfter(20_000);
  await harness.settle();
  assert.equal(client.refusals.length, 1);
  assert.equal(harness.stats.sessionsEnded.get('malformed'), 1);
  assert.equal(client.connection.writes.length, length);
});

test('an update that Yjs cannot read ends its session with 4400, and no other', async (t) => {
  const harness = new SyncHarness(t);
  const other = await harness.synced({ userId: 'bob' });
  const client = await harness.synced();
  client.edit(Uint8Array.of(1, 0xff, 0xff, 0x7f, 1, 0));
  assert.equal(client.closeCode, 4400);
  assert.match(client.connection.closedWith!.reason, /malformed update/);
  await harness.settle();
  assert.equal(other.closeCode, null);
  assert.equal(harness.log.pending('doc').length, 0);
});

test('a malformed state vector ends the session with 4400', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.live();
  client.send({ type: 'sync-step-1', stateVector: Uint8Array.of(200, 1, 1) });
  await harness.settle();
  assert.equal(client.closeCode, 4400);
  assert.equal(harness.log.pins, 0);
});

test('an edit that the log does not take ends its session with 4503', async (t) => {
  for (const code of ['LOG_READ_ONLY', 'LOG_REOPENING'] as const) {
    await t.test(code, async (sub) => {
      const harness = new SyncHarness(sub);
      const client = await harness.synced();
      harness.log.appendError = new LogError(code, 'x');
      client.edit(new Typist().type('x'));
      assert.equal(client.closeCode, 4503);
    });
  }
});

test('I3: a large update is scanned in a worker, and the messages after it wait for it', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  const typist = new Typist();
  harness.offload.gate.close();
  client.edit(typist.type('x'.repeat(1_100 * kib)));
  assert.equal(client.connection.paused, false);
  client.edit(typist.type('behind'));
  client.probe(1);
  await harness.settle();
  assert.equal(client.connection.paused, true);
  assert.equal(harness.log.pending('doc').length, 0);
  harness.offload.gate.open();
  await harness.settle();
  assert.equal(client.connection.paused, false);
  assert.deepEqual(
    harness.log.pending('doc').map((entry) => entry.update.length),
    typist.updates.map((update) => update.length),
  );
  assert.deepEqual(client.savedMarks, []);
  harness.log.commit('doc');
  assert.deepEqual(client.savedMarks, [1]);
  assert.equal(textFrom(...harness.log.document('doc').entries.map((entry) => entry.update)), typist.text);
});

test('large updates in a row, with small ones between them, keep their order', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced({ limits: { maxQueuedBytes: 8 * kib * kib } });
  const typist = new Typist();
  for (let i = 0; i < 3; i++) {
    client.edit(typist.type(String(i).repeat(1_100 * kib)));
    client.edit(typist.type(`<${i}>`));
  }
  await harness.settle();
  assert.equal(harness.offload.calls.length, 3);
  assert.deepEqual(
    harness.log.pending('doc').map((entry) => entry.update.length),
    typist.updates.map((update) => update.length),
  );
});

test('a large update is not taken if it is malformed, or if its client has left before it is scanned', async (t) => {
  const harness = new SyncHarness(t);
  const [bad, gone] = [await harness.synced(), await harness.synced()];
  bad.edit(new Uint8Array(1_100 * kib).fill(1));
  harness.offload.gate.close();
  gone.edit(new Typist().type('x'.repeat(1_100 * kib)));
  gone.vanish();
  harness.offload.gate.open();
  await harness.settle();
  assert.equal(bad.closeCode, 4400);
  assert.equal(harness.log.pending('doc').length, 0);
});
