import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { DocClient } from '../../../support/doc-client.ts';
import { assertSame, joined, settled } from '../../../support/joining.ts';
import { randomOf } from '../../../support/random.ts';
import { largeText, Typist } from '../../../support/shared-text.ts';
import { storedSnapshot } from '../../../support/stored-snapshot.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';

const kib = 1024;

test('an empty document is sent as one empty SyncStep2', async (t) => {
  const harness = new SyncHarness(t);
  const editor = await joined(harness);
  assert.equal(editor.synced, 1);
  assert.deepEqual(editor.texts, ['']);
});

test('a document without a snapshot is sent from its tail', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  harness.log.store('doc', writer.work(200));
  assertSame(await joined(harness), writer);
});

test('a snapshot without a tail is sent with its bytes as stored', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const stored = storedSnapshot(writer.work(200), 200);
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

test('a document is sent as its snapshot and its tail', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const stored = storedSnapshot(writer.work(200), 200);
  harness.log.store('doc', writer.work(120), stored);
  assertSame(await joined(harness), writer);
});

test('edits that wait in the snapshot are sent too', async (t) => {
  const harness = new SyncHarness(t);
  const [writer, other] = [new Typist(), new Typist()];
  const missing = other.type('missing ');
  const waiting = other.type('waiting');
  harness.log.store('doc', [], storedSnapshot([...writer.work(20), waiting], 21));
  const editor = await joined(harness);
  assert.equal(editor.isWhole, false);
  editor.client.edit(missing);
  await settled(harness, editor);
  assert.equal(editor.text, writer.hear(missing, waiting).text);
  assert.equal(editor.isWhole, true);
});

test('a client that has part of the snapshot is sent only what it lacks', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const old = new Y.Doc();
  const first = writer.work(400);
  for (const update of first.slice(0, 380)) Y.applyUpdate(old, update);
  harness.log.store('doc', writer.work(10), storedSnapshot(first, 400));
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
  const stored = storedSnapshot(writer.work(50), 50);
  harness.log.store('doc', writer.work(50), stored);
  const own = new Y.Doc();
  Y.applyUpdate(own, Y.encodeStateAsUpdate(writer.doc));
  const editor = await joined(harness, own);
  assertSame(editor, writer);
  assert.equal(harness.log.document('doc').entries.length, 50);
});

for (const folded of [0, 200, 300]) {
  test(`a client that lacks one edit gets no more than Y.diffUpdate gives, ${folded} of 300 edits in the snapshot`, async (t) => {
    const harness = new SyncHarness(t);
    const writer = new Typist();
    const updates = writer.work(299);
    const old = new Typist().hear(...updates);
    writer.type('last');
    harness.log.store(
      'doc',
      writer.updates.slice(folded),
      folded === 0 ? null : storedSnapshot(writer.updates.slice(0, folded), folded),
    );
    const editor = new DocClient(await harness.live(), old.doc);
    editor.ask();
    await harness.settle();
    const { connection } = editor.client;
    const updatesSent = [...connection.framesOf('update'), ...connection.framesOf('sync-step-2')];
    const bytes = updatesSent.reduce((sum, { update }) => sum + update.length, 0);
    const least = Y.diffUpdate(Y.encodeStateAsUpdate(writer.doc), Y.encodeStateVector(old.doc)).length;
    assert.ok(bytes <= least, `${bytes} bytes instead of ${least}`);
    editor.read();
    assertSame(editor, writer);
  });
}

test('a client with offline edits that are unrelated to the document is brought up to date', async (t) => {
  const harness = new SyncHarness(t);
  const writer = new Typist();
  const stored = storedSnapshot(writer.work(50), 50);
  harness.log.store('doc', writer.work(5), stored);
  const offline = new Typist();
  offline.type('offline');
  const editor = await joined(harness, offline.doc);
  writer.hear(...offline.updates);
  assertSame(editor, writer);
  const other = await joined(harness);
  assertSame(other, writer);
});

test('a client with its own edits and an outdated copy of the document is brought up to date', async (t) => {
  const harness = new SyncHarness(t);
  const [writer, offline] = [new Typist(), new Typist()];
  const first = writer.work(100);
  offline.hear(...first.slice(0, 60));
  harness.log.store('doc', writer.work(30), storedSnapshot(first, 100));
  offline.type('offline');
  const editor = await joined(harness, offline.doc);
  writer.hear(...offline.updates);
  assertSame(editor, writer);
});

test('a document in several parts shows no content before the last part has arrived', async (t) => {
  const harness = new SyncHarness(t);
  const random = randomOf(t);
  const writer = largeText(random, 600);
  const stored = storedSnapshot(writer.updates.slice(0, 590), 590, 2 * kib);
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

test('a client that has some of a document in several parts gets the rest in one message', async (t) => {
  const random = randomOf(t);
  const writer = largeText(random, 400);
  const stored = storedSnapshot(writer.updates, 400, 2 * kib);
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

test('I4: from any state of document and client, both end equal', async (t) => {
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
      const client = new Typist(6000);
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
