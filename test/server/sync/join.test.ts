import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { CorruptDocumentError } from '../../../persistence/errors.ts';
import { DocClient } from '../../support/doc-client.ts';
import { randomOf, type Random } from '../../support/random.ts';
import { Typist } from '../../support/shared-text.ts';
import { storedSnapshot } from '../../support/stored-snapshot.ts';
import { SyncHarness, type ClientOptions } from '../../support/sync-harness.ts';

const KIB = 1024;

/** An editor that joins, with or without a document of its own, and reads until nothing comes any more. */
async function joined(harness: SyncHarness, doc = new Y.Doc(), options: ClientOptions = {}): Promise<DocClient> {
  const editor = new DocClient(await harness.live(options), doc);
  editor.ask();
  await settled(harness, editor);
  return editor;
}

async function settled(harness: SyncHarness, ...editors: DocClient[]): Promise<void> {
  for (let round = 0; round < 3; round++) {
    await harness.settle();
    for (const editor of editors) editor.read();
    harness.log.commit('doc');
  }
}

/** The editor has what the writer has, all of it, and was synced once and last. */
function assertSame(editor: DocClient, writer: Typist): void {
  assert.equal(editor.text, writer.text);
  assert.deepEqual(Y.encodeStateVector(editor.doc), Y.encodeStateVector(writer.doc));
  assert.equal(editor.isWhole, true);
  assert.equal(editor.synced, 1);
}

/** Some edits of one person, with deletions among them. */
function write(typist: Typist, count: number): Uint8Array[] {
  const start = typist.updates.length;
  for (let i = 0; i < count; i++) {
    if (i % 5 === 4) typist.delete(Math.floor(typist.text.length / 2), 1);
    else typist.type(`${i} `);
  }
  return typist.updates.slice(start);
}

test('an empty document: one empty SyncStep2', async (t) => {
  const harness = new SyncHarness(t);
  const editor = await joined(harness);
  assert.equal(editor.synced, 1);
  assert.deepEqual(editor.texts, ['']);
});

test('a document that is a tail only', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  harness.log.store('doc', write(writer, 200));
  assertSame(await joined(harness), writer);
});

test('a snapshot, whose bytes go out as they are stored, and an empty tail', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const stored = storedSnapshot(write(writer, 200), 200);
  harness.log.store('doc', [], stored);
  const editor = new DocClient(await harness.live());
  editor.ask();
  await harness.settle();
  const updates = editor.client.connection.framesOf('update');
  assert.deepEqual(
    updates.map((frame) => frame.update),
    stored.data,
  );
  editor.read();
  assertSame(editor, writer);
});

test('a snapshot and a tail', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const stored = storedSnapshot(write(writer, 200), 200);
  harness.log.store('doc', write(writer, 120), stored);
  assertSame(await joined(harness), writer);
});

test('edits that wait in the snapshot come too', async (t) => {
  const harness = new SyncHarness(t);
  const [writer, other] = [new Typist(), new Typist()];
  const missing = other.type('missing ');
  const waiting = other.type('waiting');
  harness.log.store('doc', [], storedSnapshot([...write(writer, 20), waiting], 21));
  const editor = await joined(harness);
  assert.equal(editor.isWhole, false);
  editor.client.edit(missing);
  await settled(harness, editor);
  writer.hear(missing, waiting);
  assertSame(editor, writer);
});

test('a client that has a part of the snapshot is sent what it lacks and no more', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const old = new Y.Doc();
  const first = write(writer, 400);
  for (const update of first.slice(0, 380)) Y.applyUpdate(old, update);
  harness.log.store('doc', write(writer, 10), storedSnapshot(first, 400));
  const editor = await joined(harness, old);
  assertSame(editor, writer);
  const bytes = editor.client.connection.writes.reduce((sum, each) => sum + each.length, 0);
  assert.ok(bytes < Y.encodeStateAsUpdate(writer.doc).length, `${bytes} bytes`);
});

test('a client that has the whole snapshot but not its deletions gets them', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  writer.type('abcdef');
  const old = new Y.Doc();
  Y.applyUpdate(old, Y.encodeStateAsUpdate(writer.doc));
  writer.delete(1, 2);
  harness.log.store('doc', [], storedSnapshot(writer.updates, 2));
  const editor = await joined(harness, old);
  assertSame(editor, writer);
  assert.equal(harness.log.pending('doc').length, 0);
});

test('a client that has everything gets a SyncStep2 and the deletions', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const stored = storedSnapshot(write(writer, 50), 50);
  harness.log.store('doc', write(writer, 50), stored);
  const own = new Y.Doc();
  Y.applyUpdate(own, Y.encodeStateAsUpdate(writer.doc));
  const editor = await joined(harness, own);
  assertSame(editor, writer);
  assert.equal(harness.log.document('doc').entries.length, 50);
});

test('a client with offline edits of its own, unrelated to the document', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const stored = storedSnapshot(write(writer, 50), 50);
  harness.log.store('doc', write(writer, 5), stored);
  const offline = new Typist();
  offline.type('offline');
  const editor = await joined(harness, offline.doc);
  writer.hear(...offline.updates);
  assertSame(editor, writer);
  const other = await joined(harness);
  assertSame(other, writer);
});

test('a client with edits of its own and an old copy of the document', async (t) => {
  const harness = new SyncHarness(t);
  const [writer, offline] = [new Typist(), new Typist()];
  const first = write(writer, 100);
  offline.hear(...first.slice(0, 60));
  harness.log.store('doc', write(writer, 30), storedSnapshot(first, 100));
  offline.type('offline');
  const editor = await joined(harness, offline.doc);
  writer.hear(...offline.updates);
  assertSame(editor, writer);
});

/** Words of several people, a struct for each: a document that can be cut. */
function largeText(random: Random, count: number): Typist {
  const people = [new Typist(), new Typist(), new Typist()];
  const writer = new Typist();
  for (let i = 0; i < count; i++) {
    const author = random.pick(people);
    author.hear(...writer.updates.slice(-1));
    const update = author.change((text) => text.insert(random.below(text.length + 1), `word${i} `));
    for (const person of people) if (person !== author) person.hear(update);
    writer.hear(update);
    writer.updates.push(update);
  }
  return writer;
}

test('nothing of a document in several parts is seen before the last part is there', async (t) => {
  const harness = new SyncHarness(t);
  const random = randomOf(t);
  const writer = largeText(random, 600);
  const stored = storedSnapshot(writer.updates.slice(0, 590), 590, 2 * KIB);
  assert.ok(stored.data.length > 4, `${stored.data.length} parts`);
  harness.log.store('doc', writer.updates.slice(590), stored);
  const editor = await joined(harness);
  assertSame(editor, writer);
  const parts = stored.data.length;
  assert.deepEqual(
    editor.texts.slice(0, parts - 1),
    Array.from({ length: parts - 1 }, () => ''),
  );
  assert.notEqual(editor.texts[parts - 1], '');
});

test('a client that has some of a document in parts gets the rest in one message', async (t) => {
  const random = randomOf(t);
  const writer = largeText(random, 400);
  const stored = storedSnapshot(writer.updates, 400, 2 * KIB);
  for (const known of [1, 100, 250, 399]) {
    await t.test(`${known} of 400 edits`, async (sub) => {
      const harness = new SyncHarness(sub);
      harness.log.store('doc', [], stored);
      const old = new Y.Doc();
      for (const update of writer.updates.slice(0, known)) Y.applyUpdate(old, update);
      const editor = await joined(harness, old);
      assertSame(editor, writer);
      assert.equal(editor.texts[0], writer.text);
    });
  }
});

test('commits during a join reach the client, whatever part is under way', async (t) => {
  const harness = new SyncHarness(t);
  const writer = largeText(randomOf(t), 300);
  const stored = storedSnapshot(writer.updates, 300, 2 * KIB);
  harness.log.store('doc', [], stored);
  const author = await harness.synced({ userId: 'author' });
  const editor = new DocClient(await harness.live({ userId: 'editor' }));
  editor.client.connection.onWrite = (bytes) => (editor.client.connection.bufferedBytes += bytes + 16 * KIB);
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

test('I7: a slow socket is never sent the next part before it has taken the last', async (t) => {
  const harness = new SyncHarness(t);
  const writer = largeText(randomOf(t), 300);
  const stored = storedSnapshot(writer.updates, 300, 2 * KIB);
  harness.log.store('doc', [], stored);
  const editor = new DocClient(await harness.live());
  const { connection } = editor.client;
  connection.onWrite = (bytes) => (connection.bufferedBytes += bytes + 16 * KIB);
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

test('a few bytes that the kernel has not taken hold nobody up: no drain is told for them', async (t) => {
  const harness = new SyncHarness(t);
  const writer = largeText(randomOf(t), 100);
  harness.log.store('doc', [], storedSnapshot(writer.updates, 100, 2 * KIB));
  const editor = new DocClient(await harness.live());
  editor.client.connection.bufferedBytes = 16 * KIB - 1;
  editor.ask();
  await settled(harness, editor);
  assertSame(editor, writer);
});

test('compaction during a join: what the join has pinned is what the client gets, and the rest follows', async (t) => {
  const harness = new SyncHarness(t);
  const writer = largeText(randomOf(t), 200);
  const stored = storedSnapshot(writer.updates.slice(0, 150), 150, 2 * KIB);
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

test('who goes away in the middle of a join leaves nothing pinned', async (t) => {
  const harness = new SyncHarness(t);
  const writer = largeText(randomOf(t), 200);
  harness.log.store('doc', writer.updates.slice(150), storedSnapshot(writer.updates.slice(0, 150), 150, 2 * KIB));
  const reading = new DocClient(await harness.live());
  harness.log.reading.close();
  reading.ask();
  await harness.settle();
  reading.client.vanish();
  harness.log.reading.open();
  const sending = new DocClient(await harness.live());
  sending.client.connection.onWrite = () => (sending.client.connection.bufferedBytes = 20 * KIB);
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
  harness.log.store('doc', [], storedSnapshot(write(writer, 10), 10));
  harness.log.readError = new CorruptDocumentError('doc', 'damaged');
  const editor = new DocClient(await harness.live());
  editor.ask();
  await harness.settle();
  assert.equal(editor.client.closeCode, 4503);
  assert.equal(harness.log.pins, 0);
  harness.log.readError = null;
  assertSame(await joined(harness), writer);
});

test('a tail of megabytes is pulled as the socket drains', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  for (let i = 0; i < 12; i++) writer.type(String(i).repeat(300 * KIB));
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
  assert.ok(most < 2 * KIB * KIB, `${most} bytes were buffered`);
});

test('a large tail for a client that has some of it is diffed in turns, the largest elsewhere', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const old = new Y.Doc();
  Y.applyUpdate(old, writer.type('known'));
  writer.type('x'.repeat(1_200 * KIB));
  for (let i = 0; i < 6; i++) writer.type(String(i).repeat(300 * KIB));
  harness.log.store('doc', writer.updates);
  const editor = await joined(harness, old);
  assertSame(editor, writer);
  assert.ok(harness.offload.calls.includes('diff'));
});

test('a second SyncStep1 on a live session is answered with what is missing by then', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  harness.log.store('doc', write(writer, 20));
  const editor = await joined(harness);
  const author = await harness.synced({ userId: 'author' });
  author.edit(writer.type('more'));
  harness.log.commit('doc');
  editor.ask();
  await settled(harness, editor);
  assert.equal(editor.synced, 2);
  assert.equal(editor.text, writer.text);
});

test('I4: whatever the state of document and client, they end equal', async (t) => {
  const random = randomOf(t);
  for (let round = 0; round < 40; round++) {
    await t.test(`round ${round}`, async (sub) => {
      const harness = new SyncHarness(sub);
      const writer = largeText(random, 20 + random.below(60));
      for (let i = random.below(8); i > 0; i--) {
        writer.change((text) => text.delete(random.below(text.length - 6), random.below(6)));
      }
      const { updates } = writer;
      const folded = random.below(updates.length + 1);
      const stored = folded === 0 ? null : storedSnapshot(updates.slice(0, folded), folded, random.pick([200, 1e9]));
      harness.log.store('doc', updates.slice(folded), stored);
      const client = new Typist();
      client.hear(...updates.slice(0, random.below(updates.length + 1)));
      if (random.below(2) === 0) client.type('own');
      if (random.below(2) === 0 && client.text.length > 3) client.delete(0, 2);
      const editor = await joined(harness, client.doc);
      writer.hear(...client.updates);
      assert.equal(editor.text, writer.text);
      assert.equal(editor.isWhole, true);
      assert.equal(editor.synced, 1);
      assert.equal((await joined(harness)).text, writer.text);
    });
  }
});
