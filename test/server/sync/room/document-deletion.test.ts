import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import * as Y from 'yjs';
import { CorruptDocumentError, LogError } from '../../../../persistence/errors.ts';
import { textFrom, Typist } from '../../../support/shared-text.ts';
import { SyncHarness, type FakeClient } from '../../../support/sync-harness.ts';

/** How long an old copy is held back before it is told. */
const HOLD_MS = 2_000;

/** A document that ada has written and that was deleted; her copy is still there. */
async function deletedDocument(t: TestContext) {
  const harness = new SyncHarness(t);
  const ada = new Typist();
  const client = await harness.synced();
  client.edit(ada.type('old words'));
  harness.log.commit('doc');
  assert.equal(await harness.rooms.delete('doc'), true);
  await harness.settle();
  return { harness, ada, client };
}

test('deleting ends the sessions with 4404 once it is on disk, after what was on its way has settled', async (t) => {
  const harness = new SyncHarness(t);
  const [client, reader] = [await harness.synced(), await harness.synced({ userId: 'bob' })];
  const ada = new Typist();
  client.edit(ada.type('late words'));
  client.probe(1);
  harness.log.deleting.close();
  const deleted = harness.rooms.delete('doc');
  await harness.settle();
  assert.deepEqual(client.savedMarks, [1], 'it was saved before it was deleted');
  assert.deepEqual([client.closeCode, reader.closeCode], [null, null]);
  harness.log.deleting.open();
  assert.equal(await deleted, true);
  assert.deepEqual([client.closeCode, reader.closeCode], [4404, 4404]);
  assert.equal(harness.stats.documentsDeleted, 1);
});

test('who comes while a document is being deleted waits, and finds it empty', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.store('doc', [new Typist().type('old words')]);
  harness.log.deleting.close();
  await harness.rooms.get('doc');
  const deleted = harness.rooms.delete('doc');
  await harness.settle();
  const client = harness.connect();
  await harness.settle();
  assert.equal(client.live, false);
  harness.log.deleting.open();
  await deleted;
  await harness.settle();
  client.send({ type: 'sync-step-1', stateVector: Uint8Array.of(0) });
  await harness.settle();
  assert.equal(textFrom(client.takeOf('sync-step-2')[0]!.update), '');
});

test('an old copy that comes back gets 4409, and nothing that it brings is accepted', async (t) => {
  const { harness, ada } = await deletedDocument(t);
  const back = await harness.live();
  // As stock clients do: a question, then the answer to ours, then what is typed.
  back.send({ type: 'sync-step-1', stateVector: Y.encodeStateVector(ada.doc) });
  back.answer(Y.encodeStateAsUpdate(ada.doc));
  back.edit(ada.type('more'));
  back.probe(1);
  await harness.settle();
  assert.deepEqual(harness.log.pending('doc'), []);
  assert.deepEqual(back.savedMarks, []);
  assert.equal(back.refusals[0]?.code, 'generation-changed');
  assert.equal(back.closeCode, null, 'older clients would come back at once');
  harness.passMs(HOLD_MS);
  assert.equal(back.closeCode, 4409);
});

test('an old copy that waits in the queue while the document loads is recognized before anything is taken', async (t) => {
  const { harness, ada } = await deletedDocument(t);
  harness.log.opening.close();
  harness.sweepAfter(0);
  harness.sweepAfter(60_000);
  await harness.settle();
  const back = harness.connect();
  await harness.settle();
  back.send({ type: 'sync-step-1', stateVector: Y.encodeStateVector(ada.doc) });
  back.answer(Y.encodeStateAsUpdate(ada.doc));
  harness.log.opening.open();
  await harness.settle();
  assert.deepEqual(harness.log.pending('doc'), []);
  assert.equal(back.refusals[0]?.code, 'generation-changed');
});

test('without a question, too, nothing is taken that brings, builds on or deletes anything of an old copy', async (t) => {
  const { harness, ada } = await deletedDocument(t);
  const bob = new Typist().hear(...ada.updates);
  const [old] = ada.updates;
  const kinds = { brings: old!, buildsOn: bob.type('bob'), deletes: bob.delete(0, 3) };
  for (const [kind, update] of Object.entries(kinds)) {
    for (const answer of [false, true]) {
      const client = await harness.live();
      if (answer) client.answer(update);
      else client.edit(update);
      await harness.settle();
      assert.equal(client.refusals[0]?.code, 'generation-changed', kind);
    }
  }
  assert.deepEqual(harness.log.pending('doc'), []);
});

test('who has a new copy writes the new generation, and one that is deleted again is old as well', async (t) => {
  const { harness, ada } = await deletedDocument(t);
  const fresh = new Typist();
  const client = await harness.synced();
  client.edit(fresh.type('new words'));
  harness.log.commit('doc');
  await harness.settle();
  const reader = await harness.live();
  reader.send({ type: 'sync-step-1', stateVector: Uint8Array.of(0) });
  await harness.settle();
  assert.equal(textFrom(reader.takeOf('sync-step-2')[0]!.update), 'new words');
  assert.equal(await harness.rooms.delete('doc'), true);
  for (const copy of [ada, fresh]) {
    const back = await harness.live();
    back.send({ type: 'sync-step-1', stateVector: Y.encodeStateVector(copy.doc) });
    await harness.settle();
    assert.equal(back.refusals[0]?.code, 'generation-changed');
  }
});

test('what waits for missing edits makes its author an old one, too', async (t) => {
  const harness = new SyncHarness(t);
  const ada = new Typist();
  ada.type('missing');
  const client = await harness.synced();
  client.answer(ada.type('waiting'));
  harness.log.commit('doc');
  await harness.rooms.delete('doc');
  const back = await harness.live();
  back.edit(new Typist(ada.doc.clientID).type('x'));
  await harness.settle();
  assert.equal(back.refusals[0]?.code, 'generation-changed');
});

test('I8: a deletion that fails sends everybody away to come back, and the document is still there', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.store('doc', [new Typist().type('kept')]);
  const client = await harness.synced();
  harness.log.deleteError = new LogError('LOG_REOPENING', 'a write has failed');
  await assert.rejects(harness.rooms.delete('doc'), LogError);
  assert.equal(client.closeCode, 4503);
  const back = await harness.live();
  back.send({ type: 'sync-step-1', stateVector: Uint8Array.of(0) });
  await harness.settle();
  assert.equal(textFrom(back.takeOf('sync-step-2')[0]!.update), 'kept');
});

test('of several who delete a document one does, the others find nothing', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.store('doc', [new Typist().type('x')]);
  const deleted = await Promise.all([1, 2, 3].map(() => harness.rooms.delete('doc')));
  assert.equal(deleted.filter(Boolean).length, 1);
  assert.equal(await harness.rooms.delete('never'), false);
});

test('a document that cannot be read can be deleted', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.store('doc', [new Typist().type('x')]);
  harness.log.openError = new CorruptDocumentError('doc', 'damaged');
  assert.equal(await harness.rooms.delete('doc'), true);
  harness.log.openError = null;
  assert.equal((await harness.rooms.get('doc')).isEmpty, true);
});

test('rooms that close wait for a deletion', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.store('doc', [new Typist().type('x')]);
  await harness.rooms.get('doc');
  harness.log.deleting.close();
  const deleted = harness.rooms.delete('doc');
  await harness.settle();
  let closed = false;
  const closing = harness.rooms.close().then(() => (closed = true));
  await harness.settle();
  assert.equal(closed, false);
  harness.log.deleting.open();
  await Promise.all([deleted, closing]);
});

const duringDeletion: Record<string, (client: FakeClient, typist: Typist) => void> = {
  'an edit': (client, typist) => client.edit(typist.type('late')),
  'a large edit': (client, typist) => client.edit(typist.type('x'.repeat(1_100 * 1_024))),
  'a sync request': (client) => client.send({ type: 'sync-step-1', stateVector: Uint8Array.of(0) }),
  'a probe': (client) => client.probe(9),
};

for (const [name, send] of Object.entries(duringDeletion)) {
  for (const fails of [false, true]) {
    const code = fails ? 4503 : 4404;
    test(`${name} during a deletion that ${fails ? 'fails' : 'succeeds'} gets ${code} when that is over, and no answer`, async (t) => {
      const harness = new SyncHarness(t);
      const typist = new Typist();
      const client = await harness.synced({ limits: { maxQueuedBytes: 2 * 1_024 * 1_024 } });
      client.edit(typist.type('old words'));
      harness.log.commit('doc');
      const underWay = fails ? harness.log.closing : harness.log.deleting;
      underWay.close();
      if (fails) harness.log.deleteError = new LogError('LOG_REOPENING', 'a write has failed');
      const deleted = harness.rooms.delete('doc').catch(() => null);
      await harness.settle();
      client.take();
      send(client, typist);
      await harness.settle();
      assert.equal(client.closeCode, null);
      assert.deepEqual(client.take(), []);
      underWay.open();
      await deleted;
      await harness.settle();
      assert.equal(client.closeCode, code);
    });
  }
}

test('a large edit that is being scanned when the deletion begins does not end its session as a restart would', async (t) => {
  const harness = new SyncHarness(t);
  const typist = new Typist();
  const client = await harness.synced();
  client.edit(typist.type('old words'));
  harness.log.commit('doc');
  harness.offload.gate.close();
  client.edit(typist.type('x'.repeat(1_100 * 1_024)));
  harness.log.deleting.close();
  const deleted = harness.rooms.delete('doc');
  await harness.settle();
  harness.offload.gate.open();
  await harness.settle();
  assert.equal(client.closeCode, null);
  harness.log.deleting.open();
  await deleted;
  assert.equal(client.closeCode, 4404);
});
