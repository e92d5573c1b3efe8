/** I7: the memory that one session may take. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyStateVector } from '../../../support/frames.ts';
import { Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';
import { TextWriter } from '../../../support/text-writer.ts';

const kib = 1024;

test('I7: a client that asks and does not read is closed before the answers fill the memory', async (t) => {
  const harness = new SyncHarness(t);
  const busy = await harness.synced({ userId: 'bob' });
  busy.send({ type: 'awareness', entries: [{ client: 2, clock: 1, state: JSON.stringify('x'.repeat(10_000)) }] });
  await harness.settle();
  const asks: Record<string, (client: typeof busy) => void> = {
    presence: (client) => client.send({ type: 'query-awareness' }),
    probes: (client) => client.send({ type: 'probe', payload: new Uint8Array(1_000) }),
    // A new edit each time, which a reader may not write.
    refusals: (client) => client.edit(new Typist().type('x')),
  };
  for (const [name, ask] of Object.entries(asks)) {
    await t.test(name, async () => {
      const access = name === 'refusals' ? 'read' : 'write';
      const client = await harness.synced({ access, limits: { maxOutboxBytes: 20 * kib } });
      let unread = 64 * kib;
      client.connection.bufferedBytes = unread;
      client.connection.onWrite = (bytes) => (client.connection.bufferedBytes = unread += bytes);
      for (let i = 0; i < 20_000 && client.closeCode === null; i++) ask(client);
      assert.equal(client.closeCode, 4529);
      assert.ok(unread <= 84 * kib, `${unread} bytes`);
    });
  }
});

test('I7: a client that asks for the document repeatedly and does not read is answered once, then closed', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.store('doc', [new Typist().type('x'.repeat(50 * kib))]);
  const client = await harness.live();
  client.connection.onWrite = (bytes) => (client.connection.bufferedBytes += bytes);
  for (let i = 0; i < 50 && client.closeCode === null; i++) {
    client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
    await harness.settle();
  }
  assert.equal(client.closeCode, 4529);
  assert.equal(client.connection.framesOf('sync-step-2').length, 1);
});

test('a client that asks for the document repeatedly and reads is answered each time', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.live();
  for (let i = 0; i < 20; i++) {
    client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
    await harness.settle();
  }
  assert.equal(client.connection.framesOf('sync-step-2').length, 20);
});

test('I7: a large update counts while it is scanned, and so do the messages after it', async (t) => {
  const h = new SyncHarness(t);
  const client = await h.live({ limits: { maxQueuedBytes: 3 * 1024 * kib } });
  h.offload.gate.close();
  const update = new TextWriter(1).type('x'.repeat(1_100 * kib));
  client.answer(update);
  assert.ok(client.queuedBytes > update.length);
  client.probe(7);
  assert.ok(client.queuedBytes > update.length + 3);
  h.offload.gate.open();
  await h.settle();
  assert.equal(client.queuedBytes, 0);
});
