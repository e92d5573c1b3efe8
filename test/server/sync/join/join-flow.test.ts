import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { CorruptDocumentError } from '../../../../persistence/errors.ts';
import { DocClient } from '../../../support/doc-client.ts';
import { assertSame, joined, settled } from '../../../support/joining.ts';
import { randomOf } from '../../../support/random.ts';
import { largeText, Typist } from '../../../support/shared-text.ts';
import { storedSnapshot } from '../../../support/stored-snapshot.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';

const kib = 1024;

test('commits during any part of a join reach the client', async (t) => {
  const harness = new SyncHarness(t);
  const writer = largeText(randomOf(t), 300);
  const stored = storedSnapshot(writer.updates, 300, 2 * kib);
  harness.log.store('doc', [], stored);
  const author = await harness.synced({ userId: 'author' });
  const editor = new DocClient(await harness.live({ userId: 'editor' }));
  editor.client.connection.onWrite = (bytes) => (editor.client.connection.bufferedBytes += bytes + 16 * kib);
  editor.ask();
  for (let part = 0; part < stored.data.length + 3; part++) {
    author.edit(writer.type(`<${part}>`));
    harness.log.commit('doc');
    await harness.settle();
    editor.read();
    editor.client.drain();
  }
  await settled(harness, editor);
  assertSame(editor, writer);
});

for (const known of [0, 100]) {
  test(`a commit right after the last message of a join follows it, to a client with ${known} edits`, async (t) => {
    const harness = new SyncHarness(t);
    const writer = largeText(randomOf(t), 200);
    harness.log.store('doc', writer.updates.slice(150), storedSnapshot(writer.updates.slice(0, 150), 150));
    const author = await harness.synced({ userId: 'author' });
    const old = new Typist().hear(...writer.updates.slice(0, known));
    const editor = new DocClient(await harness.live({ userId: 'editor' }), old.doc);
    editor.client.connection.onWrite = () => {
      if (editor.client.connection.framesOf('sync-step-2').length === 0) return;
      editor.client.connection.onWrite = () => {};
      setImmediate(() => {
        author.edit(writer.type('<right after>'));
        harness.log.commit('doc');
      });
    };
    editor.ask();
    await settled(harness, editor);
    assertSame(editor, writer);
  });
}

test('a client that is synced has all saved edits, even those that still wait in the batch for the others', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const author = await harness.synced({ userId: 'author' });
  const editor = new DocClient(await harness.live({ userId: 'editor' }));
  for (const text of ['sent at once, ', 'batched']) {
    author.edit(writer.type(text));
    harness.log.commit('doc');
  }
  const { connection } = editor.client;
  let whenSynced: string | null = null;
  connection.onWrite = () => {
    if (connection.framesOf('sync-step-2').length === 0 || whenSynced !== null) return;
    editor.read();
    whenSynced = editor.text;
  };
  editor.ask();
  await harness.settle();
  assert.equal(whenSynced, 'sent at once, batched');
});

test('I7: a slow socket is sent the next part only after it has taken the last', async (t) => {
  const harness = new SyncHarness(t);
  const writer = largeText(randomOf(t), 300);
  const stored = storedSnapshot(writer.updates, 300, 2 * kib);
  harness.log.store('doc', [], stored);
  const editor = new DocClient(await harness.live());
  const { connection } = editor.client;
  connection.onWrite = (bytes) => (connection.bufferedBytes += bytes + 16 * kib);
  editor.ask();
  for (let parts = 1; parts <= stored.data.length; parts++) {
    await harness.settle();
    assert.equal(connection.framesOf('update').length, parts);
    assert.equal(connection.framesOf('sync-step-2').length, parts === stored.data.length ? 1 : 0);
    editor.client.drain();
  }
  await settled(harness, editor);
  assertSame(editor, writer);
});

test('a few bytes that the kernel has not taken do not delay a join, because no drain event follows them', async (t) => {
  const harness = new SyncHarness(t);
  const writer = largeText(randomOf(t), 100);
  harness.log.store('doc', [], storedSnapshot(writer.updates, 100, 2 * kib));
  const editor = new DocClient(await harness.live());
  editor.client.connection.bufferedBytes = 16 * kib - 1;
  editor.ask();
  await settled(harness, editor);
  assertSame(editor, writer);
});

test('a compaction during a join does not change the snapshot that the client gets, and the rest follows', async (t) => {
  const harness = new SyncHarness(t);
  const writer = largeText(randomOf(t), 200);
  const stored = storedSnapshot(writer.updates.slice(0, 150), 150, 2 * kib);
  harness.log.store('doc', writer.updates.slice(150), stored);
  const author = await harness.synced({ userId: 'author' });
  const editor = new DocClient(await harness.live({ userId: 'editor' }));
  harness.log.reading.close();
  editor.ask();
  await harness.settle();
  author.edit(writer.type('<during>'));
  harness.log.commit('doc');
  await harness.settle();
  harness.log.compact('doc', storedSnapshot([...writer.updates], 201));
  const late = new DocClient(await harness.live({ userId: 'late' }));
  late.ask();
  harness.log.reading.open();
  await settled(harness, editor, late);
  assertSame(editor, writer);
  assertSame(late, writer);
  assert.equal(harness.log.pins, 0);
  const room = await harness.rooms.get('doc');
  assert.deepEqual(room.tail.after(0), []);
});

test('a client that disconnects during a join leaves no snapshot pinned', async (t) => {
  const harness = new SyncHarness(t);
  const writer = largeText(randomOf(t), 200);
  harness.log.store('doc', writer.updates.slice(150), storedSnapshot(writer.updates.slice(0, 150), 150, 2 * kib));
  const reading = new DocClient(await harness.live());
  harness.log.reading.close();
  reading.ask();
  await harness.settle();
  reading.client.vanish();
  harness.log.reading.open();
  const sending = new DocClient(await harness.live());
  sending.client.connection.onWrite = () => (sending.client.connection.bufferedBytes = 20 * kib);
  sending.ask();
  await harness.settle();
  const { length } = sending.client.connection.writes;
  sending.client.vanish();
  await harness.settle();
  assert.equal(sending.client.connection.writes.length, length);
  assert.equal(reading.client.connection.framesOf('update').length, 0);
  assert.equal(harness.log.pins, 0);
  assert.equal((await harness.rooms.get('doc')).isIdle, true);
});

test('a snapshot that cannot be read ends the session with 4503, and the next join reads again', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  harness.log.store('doc', [], storedSnapshot(writer.work(10), 10));
  harness.log.readError = new CorruptDocumentError('doc', 'damaged');
  const editor = new DocClient(await harness.live());
  editor.ask();
  await harness.settle();
  assert.equal(editor.client.closeCode, 4503);
  assert.equal(harness.log.pins, 0);
  harness.log.readError = null;
  assertSame(await joined(harness), writer);
});

test('a tail of megabytes is sent as the socket drains', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  for (let i = 0; i < 12; i++) writer.type(String(i).repeat(300 * kib));
  harness.log.store('doc', writer.updates);
  const editor = new DocClient(await harness.live());
  const { connection } = editor.client;
  let most = 0;
  connection.onWrite = (bytes) => {
    connection.bufferedBytes += bytes;
    most = Math.max(most, connection.bufferedBytes);
  };
  editor.ask();
  for (let round = 0; round < 12; round++) {
    await harness.settle();
    editor.client.drain();
  }
  await settled(harness, editor);
  assertSame(editor, writer);
  assert.ok(most < 2 * kib * kib, `${most} bytes were buffered`);
});

test('a large tail is compared with a state vector in several turns, and its largest update in a worker', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const old = new Y.Doc();
  Y.applyUpdate(old, writer.type('known'));
  writer.type('x'.repeat(1_200 * kib));
  for (let i = 0; i < 6; i++) writer.type(String(i).repeat(300 * kib));
  harness.log.store('doc', writer.updates);
  const editor = await joined(harness, old);
  assertSame(editor, writer);
  assert.ok(harness.offload.calls.includes('diff'));
});

test('a second SyncStep1 of a session is answered with the edits that are missing by then', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  harness.log.store('doc', writer.work(20));
  const editor = await joined(harness);
  const author = await harness.synced({ userId: 'author' });
  author.edit(writer.type('more'));
  harness.log.commit('doc');
  editor.ask();
  await settled(harness, editor);
  assert.equal(editor.synced, 2);
  assert.equal(editor.text, writer.text);
});
