/** Edits that are not durable yet are limited: a session above its share is not read until the disk has caught up. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { fixedLimits } from '../../../../server/limits/limits.ts';
import { UnsavedEdits } from '../../../../server/sync/room/unsaved-edits.ts';
import { Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';

const max = fixedLimits['unsaved-edits'].max;
const author = () => ({ unsavedBytes: 0 });

/** Small enough to be scanned on the main thread. */
const pictureBytes = 400_000;

/** Edits of a page that inserts pictures one by one. */
function pictures(): () => Uint8Array {
  const doc = new Y.Doc();
  const list = doc.getArray<Uint8Array>('pictures');
  return () => {
    const before = Y.encodeStateVector(doc);
    list.push([new Uint8Array(pictureBytes)]);
    return Y.encodeStateAsUpdate(doc, before);
  };
}

suite('UnsavedEdits', () => {
  test('gives each author a share that shrinks as the total grows', () => {
    const unsaved = new UnsavedEdits();
    const [typist, flood, other] = [author(), author(), author()];
    unsaved.add(new Uint8Array(30_000), typist);
    unsaved.add(new Uint8Array(0.375 * max), flood);
    unsaved.add(new Uint8Array(0), flood);
    assert.deepEqual(
      [typist, flood].map((one) => unsaved.isAboveShare(one)),
      [false, true],
    );
    const half = new Uint8Array(max / 2);
    unsaved.remove(new Uint8Array(0.375 * max), flood);
    unsaved.add(half, other);
    assert.equal(unsaved.isAboveShare(typist), false);
    unsaved.add(half, other);
    assert.equal(unsaved.isAboveShare(typist), true);
    assert.equal(unsaved.isAboveShare(author()), false);
    unsaved.remove(half, other);
    unsaved.remove(half, other);
    assert.equal(unsaved.isAboveShare(typist), false);
  });

  test('counts the memory of an edit beside its bytes, so that many empty edits are limited too', () => {
    const unsaved = new UnsavedEdits();
    const one = author();
    let count = 0;
    for (; !unsaved.isAboveShare(one) && count < 100_000; count += 1) unsaved.add(new Uint8Array(0), one);
    assert.ok(count <= max / 1024, `${count} edits`);
  });
});

test('I7: a session that floods a slow disk is not read until a commit, and everything that it sent is saved', async (t) => {
  const harness = new SyncHarness(t);
  const flood = await harness.synced();
  const typist = await harness.synced();
  const next = pictures();
  let sent = 0;
  for (; !flood.connection.paused && sent < 100; sent += 1) flood.edit(next());
  assert.ok(sent * pictureBytes < max / 2, `${sent} edits`);
  assert.equal(harness.stats.limitsReached.get('unsaved-edits'), 1);
  flood.probe(1);
  typist.edit(new Typist().type('y'));
  typist.probe(2);
  assert.equal(typist.connection.paused, false);
  // Time alone does not change that.
  harness.sweepAfter(60_000);
  assert.equal(flood.connection.paused, true);
  assert.deepEqual([flood.savedMarks, typist.savedMarks], [[], []]);
  harness.log.commit('doc');
  assert.equal(flood.connection.paused, false);
  assert.deepEqual([flood.savedMarks, typist.savedMarks], [[1], [2]]);
  assert.equal(harness.rooms.unsaved.bytes, 0);
  assert.equal(harness.stats.updatesAppended, sent + 1);
});

test('I7: a session with an unsaved edit is not read while other sessions have too many', async (t) => {
  const harness = new SyncHarness(t);
  const typist = await harness.synced();
  const floods = [];
  for (let i = 0; harness.rooms.unsaved.bytes < max; i += 1) {
    const flood = await harness.synced({ docId: `flood ${i}` });
    const next = pictures();
    while (!flood.connection.paused) flood.edit(next());
    floods.push(`flood ${i}`);
  }
  assert.ok(floods.length < 1_000);
  assert.equal(typist.connection.paused, false);
  typist.edit(new Typist().type('y'));
  assert.equal(typist.connection.paused, true);
  harness.log.commit('doc');
  assert.equal(typist.connection.paused, false);
  for (const docId of floods) harness.log.commit(docId);
  assert.equal(harness.rooms.unsaved.bytes, 0);
});

test('no edit counts as unsaved after a write has failed', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  client.edit(new Typist().type('lost'));
  assert.ok(harness.rooms.unsaved.bytes > 0);
  harness.log.fail('doc');
  assert.equal(harness.rooms.unsaved.bytes, 0);
});
