import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import * as Y from 'yjs';
import { CorruptDocumentError, LogError } from '../../../../persistence/errors.ts';
import { textFrom, Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';
import type { FakeClient } from '../../../support/sync-harness.ts';

/** How long the close of a session with an old copy is delayed. */
const holdMs = 2_000;

/** A deleted document that Ada has written. Her copy still exists. */
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

test('a deletion waits for writes in flight, and ends the sessions with 4404 when it is on disk', async (t) => {
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

test('a client that connects during a deletion waits, and finds the document empty', async (t) => {
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

test('a client with an old copy gets 4409, and none of its edits is accepted', async (t) => {
  const { harness, ada } = await deletedDocument(t);
  const back = await harness.live();
  // Like a stock client: SyncStep1, then the answer to the server's SyncStep1, then new edits.
  back.send({ type: 'sync-step-1', stateVector: Y.encodeStateVector(ada.doc) });
  back.answer(Y.encodeStateAsUpdate(ada.doc));
  back.edit(ada.type('more'));
  back.probe(1);
  await harness.settle();
  assert.deepEqual(harness.log.pending('doc'), []);
  assert.deepEqual(back.savedMarks, []);
  assert.equal(back.refusals[0]?.code, 'generation-changed');
  assert.equal(back.closeCode, null, 'older clients would reconnect at once');
  harness.passMs(holdMs);
  assert.equal(back.closeCode, 4409);
});

test('an old copy that is queued while the document loads is recognised before any of it is accepted', async (t) => {
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

test('without a SyncStep1, too, an update that holds, builds on or deletes content of an old copy is refused', async (t) => {
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

test('a client with a new copy writes the new generation; when that is deleted, its copies are old too', async (t) => {
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

test('a client whose edits only waited for missing edits has an old copy too', async (t) => {
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

test('I8: after a failed deletion clients reconnect, and the document still exists', async (t) => {
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

test('of several concurrent deletions of a document one succeeds, and the others find no document', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.store('doc', [new Typist().type('x')]);
  const deleted = await Promise.all([1, 2, 3].map(() => harness.rooms.delete('doc')));
  assert.equal(deleted.filter(Boolean).length, 1);
  assert.equal(await harness.rooms.delete('never'), false);
});

test('a damaged document can be deleted', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.store('doc', [new Typist().type('x')]);
  harness.log.openError = new CorruptDocumentError('doc', 'damaged');
  assert.equal(await harness.rooms.delete('doc'), true);
  harness.log.openError = null;
  assert.equal((await harness.rooms.get('doc')).isEmpty, true);
});

test('closing the rooms waits for a deletion', async (t) => {
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
    test(`${name} during a deletion that ${fails ? 'fails' : 'succeeds'} gets ${code} after it, and no answer`, async (t) => {
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

test('a large edit that is being scanned when a deletion begins does not end its session with the code of a restart', async (t) => {
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
