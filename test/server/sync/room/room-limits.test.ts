/** I7: memory limits for documents and slow readers, and limits on the number of clients. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { OutboxMemory } from '../../../../server/sync/session/outbox-memory.ts';
import { RoomFixture } from '../../../support/room-fixture.ts';
import { FakeLog } from '../../../support/fake-log.ts';
import { refused } from '../../../support/refused.ts';
import { Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';
import type { FakeClient } from '../../../support/sync-harness.ts';

const kib = 1024;

function store(harness: SyncHarness, docId: string, bytes: number): void {
  harness.log.store(docId, [new Typist().type('x'.repeat(bytes))]);
}

async function closeCode(harness: SyncHarness, client: FakeClient): Promise<number | null> {
  await harness.settle();
  return client.closeCode;
}

/** An update that deletes the first characters of the first edit. */
function deletionOf({ doc, updates }: Typist, length: number): Uint8Array {
  const eraser = new Typist();
  Y.applyUpdate(eraser.doc, updates[0]!, 'remote');
  assert.ok(doc.clientID !== eraser.doc.clientID);
  return eraser.delete(0, length);
}

test('I7: above the memory limit idle documents are unloaded, the one that was idle for longest first', async (t) => {
  const harness = new SyncHarness(t, { maxRoomMemoryBytes: 250 * kib });
  for (const docId of ['a', 'b', 'c']) store(harness, docId, 100 * kib);
  const b = await harness.live({ docId: 'b' });
  const a = await harness.live({ docId: 'a' });
  b.vanish();
  harness.sweepAfter(1_000);
  a.vanish();
  harness.sweepAfter(1_000);
  assert.ok(harness.rooms.isOpen('a') && harness.rooms.isOpen('b'));
  await harness.live({ docId: 'c' });
  await harness.settle();
  assert.ok(harness.rooms.isOpen('a') && harness.rooms.isOpen('c'));
  assert.ok(!harness.rooms.isOpen('b'));
  assert.ok(harness.rooms.memoryBytes <= 250 * kib);
});

test('I7: while all documents in memory are in use, no other is opened', async (t) => {
  const harness = new SyncHarness(t, { maxRoomMemoryBytes: 150 * kib });
  for (const docId of ['a', 'b']) store(harness, docId, 100 * kib);
  const [a, b] = [await harness.live({ docId: 'a' }), await harness.live({ docId: 'b' })];
  const refusedClient = harness.connect({ docId: 'c' });
  assert.equal(await closeCode(harness, refusedClient), 1013);
  assert.equal(harness.stats.limitsReached.get('room-memory'), 1);
  // Clients of an open document are not affected.
  await harness.live({ docId: 'a' });
  assert.equal(a.closeCode, null);
  b.vanish();
  harness.sweepAfter(1_000);
  await harness.settle();
  await harness.live({ docId: 'c' });
});

test('I7: edits that clients send count as memory', async (t) => {
  const harness = new SyncHarness(t, { maxRoomMemoryBytes: 100 * kib });
  const client = await harness.synced({ docId: 'a' });
  client.edit(new Typist().type('x'.repeat(120 * kib)));
  harness.log.commit('a');
  await harness.settle();
  harness.sweepAfter(1_000);
  assert.ok(harness.rooms.memoryBytes > 120 * kib);
  assert.equal(await closeCode(harness, harness.connect({ docId: 'b' })), 1013);
});

test('I7: a full document accepts only deletions', async (t) => {
  const typist = new Typist();
  const log = new FakeLog();
  const fixture = await RoomFixture.load(t, log, 10 * kib);
  fixture.submit(typist.type('x'.repeat(21 * kib)));
  fixture.commit();
  fixture.passMs();
  assert.throws(() => fixture.submit(typist.type('y')), refused('document-too-large'));
  const writer = new Typist();
  assert.throws(() => fixture.submit(writer.type('y')), refused('document-too-large'));
  // Known edits are accepted, because every client that joins sends them.
  assert.equal(fixture.submit(typist.updates[0]!), 'known');
  const deletion = deletionOf(typist, 5 * kib);
  assert.equal(fixture.submit(deletion), 'appended');
});

test('I7: the connections of a user are limited; closing one frees it, and other users are not affected', async (t) => {
  const harness = new SyncHarness(t, { maxConnectionsPerUser: 2 });
  const first = await harness.live({ userId: 'ada' });
  await harness.live({ userId: 'ada', docId: 'other' });
  assert.equal(await closeCode(harness, harness.connect({ userId: 'ada' })), 4529);
  assert.equal(harness.stats.limitsReached.get('connections-per-user'), 1);
  await harness.live({ userId: 'bob' });
  first.vanish();
  await harness.live({ userId: 'ada' });
  for (let i = 0; i < 3; i++) await harness.live({ userId: '' });
});

test('I7: the connections to a document are limited', async (t) => {
  const harness = new SyncHarness(t);
  const limits = { maxConnectionsPerDocument: 2 };
  const first = await harness.live({ limits });
  await harness.live({ userId: 'bob', limits });
  assert.equal(await closeCode(harness, harness.connect({ userId: 'eve', limits })), 4529);
  assert.equal(harness.stats.limitsReached.get('connections-per-document'), 1);
  first.vanish();
  await harness.live({ userId: 'eve', limits });
});

test('I7: a client that opens documents too fast first waits and is then refused; open documents do not count', async (t) => {
  const harness = new SyncHarness(t, { openRatePerAddress: { perSecond: 1, burst: 2 } });
  const open = (docId: string, addressKey: string): FakeClient => harness.connect({ docId, addressKey });
  const clients = Array.from({ length: 7 }, (_, i) => open(`doc ${i}`, '192.0.2.1'));
  const other = open('elsewhere', '192.0.2.2');
  await harness.settle();
  assert.deepEqual(
    clients.map(({ live, closeCode }) => closeCode ?? live),
    [true, true, false, false, false, false, 4529],
  );
  assert.ok(other.live);
  assert.equal(harness.stats.limitsReached.get('open-rate-per-address'), 1);
  const again = open('doc 0', '192.0.2.1');
  await harness.settle();
  assert.ok(again.live);
  harness.passMs(4_000);
  await harness.settle();
  assert.ok(clients.slice(0, 6).every(({ live }) => live));
});

test('I7: above the memory limit of all outboxes, the slowest reader is ended', () => {
  const memory = new OutboxMemory(100);
  const ended: string[] = [];
  const readers = ['slow', 'slower', 'fine'].map((name) => ({
    waitingBytes: 0,
    peer: {
      end({ limit }: { limit: string | null }): void {
        ended.push(`${name}: ${limit}`);
      },
    },
  }));
  const grow = (index: number, bytes: number): void => {
    readers[index]!.waitingBytes += bytes;
    memory.grew(readers[index]!, bytes);
  };
  grow(0, 40);
  grow(1, 55);
  grow(2, 5);
  assert.deepEqual(ended, []);
  grow(2, 1);
  assert.deepEqual(ended, ['slower: outbox-memory']);
  assert.equal(memory.bytes, 46);
  memory.emptied(readers[0]!);
  memory.emptied(readers[0]!);
  assert.equal(memory.bytes, 6);
  grow(2, 100);
  assert.deepEqual(ended.slice(1), ['fine: outbox-memory']);
  assert.equal(memory.bytes, 0);
});

test('I7: the outbox memory of a slow reader is freed when it has read, and when it disconnects', async (t) => {
  const harness = new SyncHarness(t);
  const author = await harness.synced();
  const readers = [await harness.synced({ userId: 'bob' }), await harness.synced({ userId: 'eve' })];
  for (const { connection } of readers) connection.bufferedBytes = 64 * kib;
  author.edit(new Typist().type('x'.repeat(kib)));
  harness.log.commit('doc');
  await harness.settle();
  assert.ok(harness.outboxMemory.bytes >= 2 * kib);
  readers[0]!.drain();
  assert.ok(harness.outboxMemory.bytes < 2 * kib);
  readers[1]!.vanish();
  assert.equal(harness.outboxMemory.bytes, 0);
});
