/** I7: what one session may cost in memory. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyStateVector } from '../../../support/frames.ts';
import { Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';
import { TextWriter } from '../../../support/text-writer.ts';

const KIB = 1024;

test('I7: what arrives before a session is live is bounded', async (t) => {
  const harness = new SyncHarness(t);
  const client = harness.connect({ limits: { maxQueuedBytes: 1_000 } });
  client.authorizing.close();
  for (let i = 0; i < 9; i++) client.sendBytes(new Uint8Array(100));
  assert.equal(client.closeCode, null);
  client.sendBytes(new Uint8Array(101));
  assert.equal(client.closeCode, 4529);
  client.authorizing.open();
  await harness.settle();
  assert.equal(harness.log.opens, 0);
  assert.equal(harness.stats.sessionsEnded.get('limit-reached'), 1);
});

test('I7: who asks and does not read is sent away before the answers fill the memory', async (t) => {
  const harness = new SyncHarness(t);
  const busy = await harness.synced({ userId: 'bob' });
  busy.send({ type: 'awareness', entries: [{ client: 2, clock: 1, state: JSON.stringify('x'.repeat(10_000)) }] });
  await harness.settle();
  const asks: Record<string, (client: typeof busy) => void> = {
    presence: (client) => client.send({ type: 'query-awareness' }),
    probes: (client) => client.send({ type: 'probe', payload: new Uint8Array(1_000) }),
    // Something new each time, which a reader may not write.
    refusals: (client) => client.edit(new Typist().type('x')),
  };
  for (const [name, ask] of Object.entries(asks)) {
    await t.test(name, async () => {
      const access = name === 'refusals' ? 'read' : 'write';
      const client = await harness.synced({ access, limits: { maxOutboxBytes: 20 * KIB } });
      let unread = 64 * KIB;
      client.connection.bufferedBytes = unread;
      client.connection.onWrite = (bytes) => (client.connection.bufferedBytes = unread += bytes);
      for (let i = 0; i < 20_000 && client.closeCode === null; i++) ask(client);
      assert.equal(client.closeCode, 4529);
      assert.ok(unread <= 84 * KIB, `${unread} bytes`);
    });
  }
});

test('I7: who asks for the document again and again and does not read is answered once, then sent away', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.store('doc', [new Typist().type('x'.repeat(50 * KIB))]);
  const client = await harness.live();
  client.connection.onWrite = (bytes) => (client.connection.bufferedBytes += bytes);
  for (let i = 0; i < 50 && client.closeCode === null; i++) {
    client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
    await harness.settle();
  }
  assert.equal(client.closeCode, 4529);
  assert.equal(client.connection.framesOf('sync-step-2').length, 1);
});

test('who asks for the document again and again and reads is answered each time', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.live();
  for (let i = 0; i < 20; i++) {
    client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
    await harness.settle();
  }
  assert.equal(client.connection.framesOf('sync-step-2').length, 20);
});

test('I7: a client is read a little until it is known, and as it sends from then on', async (t) => {
  const h = new SyncHarness(t);
  const client = h.connect();
  client.authorizing.close();
  assert.equal(client.connection.readingLimit, 64 * 1024);
  client.authorizing.open();
  await h.settle();
  assert.equal(client.connection.readingLimit, null);
});

test('I7: what waits in a session is told: before it is live, and while a large update is scanned', async (t) => {
  const h = new SyncHarness(t);
  const client = h.connect();
  client.authorizing.close();
  await h.settle();
  client.answer();
  const answerBytes = client.queuedBytes;
  assert.ok(answerBytes > 0);
  client.sendBytes(new Uint8Array(1_000));
  assert.equal(client.queuedBytes, answerBytes + 1_000);
  client.vanish();
  assert.equal(client.queuedBytes, 0);
});

test('I7: a large update counts while it is scanned, and so does what comes after it', async (t) => {
  const h = new SyncHarness(t);
  const client = await h.live({ limits: { maxQueuedBytes: 3 * 1024 * KIB } });
  h.offload.gate.close();
  const update = new TextWriter(1).type('x'.repeat(1_100 * KIB));
  client.answer(update);
  assert.ok(client.queuedBytes > update.length);
  client.probe(7);
  assert.ok(client.queuedBytes > update.length + 3);
  h.offload.gate.open();
  await h.settle();
  assert.equal(client.queuedBytes, 0);
});
