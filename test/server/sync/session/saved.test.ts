/** When a probe is answered ("Saved" in docs/architecture.md), through session, room and log. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { emptyStateVector } from '../../../support/frames.ts';
import { textFrom, Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';

test('I1: a probe is answered once the edit before it is committed, and not before', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  client.edit(new Typist().type('x'));
  client.probe(1);
  await harness.settle();
  assert.deepEqual(client.savedMarks, []);
  harness.log.commit('doc');
  assert.deepEqual(client.savedMarks, [1]);
});

test('I1: a probe waits only for the edits before it, and probes are answered in order', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  const typist = new Typist();
  client.edit(typist.type('a'));
  client.probe(1);
  client.edit(typist.type('b'));
  client.probe(2);
  client.probe(3);
  harness.log.commit('doc', 1);
  assert.deepEqual(client.savedMarks, [1]);
  harness.log.commit('doc', 1);
  assert.deepEqual(client.savedMarks, [1, 2, 3]);
});

test('I1: the probe of a stock client with offline edits, `step1, awareness, probe, update`, is answered when its answer is saved', async (t) => {
  const harness = new SyncHarness(t);
  const typist = new Typist();
  typist.type('offline ');
  const client = await harness.live();
  client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
  client.send({ type: 'awareness', entries: [{ client: 1, clock: 1, state: '{}' }] });
  client.probe(1);
  client.edit(typist.type('and this'));
  await harness.settle();
  assert.equal(harness.stats.updatesWithGap, 1);
  assert.equal(
    client.takeOf('sync-step-1').length,
    1,
    'one SyncStep1 is enough, because its answer will contain the rest',
  );
  assert.deepEqual(client.savedMarks, []);
  client.answer(typist.answerTo(emptyStateVector));
  await harness.settle();
  assert.deepEqual(client.savedMarks, []);
  harness.log.commit('doc');
  assert.deepEqual(client.savedMarks, [1]);
  assert.equal(textFrom(...harness.log.document('doc').entries.map((entry) => entry.update)), 'offline and this');
});

test('I1: no probe is answered before the first answer, even if all edits are committed', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.live();
  client.edit(new Typist().type('x'));
  client.probe(1);
  harness.log.commit('doc');
  await harness.settle();
  assert.deepEqual(client.savedMarks, []);
  client.answer();
  assert.deepEqual(client.savedMarks, [1]);
});

test('I1: an edit that builds on a missing one makes the server ask, and is saved only with the answer', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  const typist = new Typist();
  typist.type('never sent ');
  client.edit(typist.type('sent'));
  client.probe(1);
  const [question] = client.takeOf('sync-step-1');
  assert.ok(question);
  client.edit(typist.type('!'));
  assert.deepEqual(client.takeOf('sync-step-1'), [], 'one SyncStep1 is open at a time');
  client.answer(typist.answerTo(question.stateVector));
  client.probe(2);
  assert.deepEqual(client.savedMarks, []);
  harness.log.commit('doc');
  assert.deepEqual(client.savedMarks, [1, 2]);
  client.edit(typist.type('?'));
  typist.type('also lost');
  client.edit(typist.type('.'));
  assert.equal(client.takeOf('sync-step-1').length, 1, 'the next gap makes the server ask again');
});

test('I1: an edit whose origin is missing is not saved until a client sends the origin', async (t) => {
  const harness = new SyncHarness(t);
  const [tab, sibling] = [new Typist(), new Typist()];
  // The sibling's edit came by BroadcastChannel, and the sibling itself never got through.
  const heard = sibling.type('sibling ');
  tab.hear(heard);
  const client = await harness.synced();
  client.edit(tab.type('tab'));
  client.probe(1);
  const [question] = client.takeOf('sync-step-1');
  client.answer(tab.last);
  assert.equal(harness.stats.gapsStored, 1);
  harness.log.commit('doc');
  client.probe(2);
  await harness.settle();
  assert.deepEqual(client.savedMarks, []);
  assert.ok(question);
  const other = await harness.synced({ userId: 'bob' });
  other.edit(heard);
  other.probe(9);
  assert.deepEqual(other.savedMarks, []);
  harness.log.commit('doc');
  assert.deepEqual(other.savedMarks, [9]);
  assert.deepEqual(client.savedMarks, [1, 2]);
});

test('I1: a deletion of a missing edit is not saved until that edit is there', async (t) => {
  const harness = new SyncHarness(t);
  const [ada, bob] = [new Typist(), new Typist()];
  const words = ada.type('words');
  bob.hear(words);
  const client = await harness.synced();
  client.edit(bob.delete(0, 5));
  client.probe(1);
  client.answer(bob.last);
  harness.log.commit('doc');
  assert.deepEqual(client.savedMarks, []);
  const other = await harness.synced({ userId: 'other' });
  other.edit(words);
  harness.log.commit('doc');
  assert.deepEqual(client.savedMarks, [1]);
});

test('I1: an edit that waited is saved only when the edit that it waited for is durable too', async (t) => {
  const harness = new SyncHarness(t);
  const [ada, bob] = [await harness.synced(), await harness.synced({ userId: 'bob' })];
  const typist = new Typist();
  const missing = typist.type('missing ');
  ada.answer(typist.type('x'));
  ada.probe(1);
  bob.edit(missing);
  harness.log.commit('doc', 1);
  await harness.settle();
  assert.deepEqual(ada.savedMarks, []);
  harness.log.commit('doc', 1);
  assert.deepEqual(ada.savedMarks, [1]);
});

test('I1: a gap that another session left open does not delay a probe', async (t) => {
  const harness = new SyncHarness(t);
  const [ada, bob] = [new Typist(), new Typist()];
  ada.type('lost');
  const [left, mine] = [await harness.synced(), await harness.synced({ userId: 'bob' })];
  left.edit(ada.type('found'));
  left.answer(ada.last);
  mine.edit(bob.type('mine'));
  mine.probe(1);
  left.probe(2);
  harness.log.commit('doc');
  assert.deepEqual(mine.savedMarks, [1]);
  assert.deepEqual(left.savedMarks, []);
});

test('I1: a duplicate is saved only when the original is', async (t) => {
  const harness = new SyncHarness(t);
  const [ada, bob] = [await harness.synced(), await harness.synced({ userId: 'bob' })];
  const update = new Typist().type('x');
  ada.edit(update);
  bob.edit(update);
  bob.probe(1);
  assert.equal(harness.log.pending('doc').length, 1);
  await harness.settle();
  assert.deepEqual(bob.savedMarks, []);
  harness.log.commit('doc');
  assert.deepEqual(bob.savedMarks, [1]);
});

test('I1: a duplicate of an edit that waits for a missing edit waits too', async (t) => {
  const harness = new SyncHarness(t);
  const [ada, bob] = [await harness.synced(), await harness.synced({ userId: 'bob' })];
  const typist = new Typist();
  const missing = typist.type('missing ');
  const update = typist.type('x');
  ada.edit(update);
  ada.answer(update);
  harness.log.commit('doc');
  bob.edit(update);
  bob.probe(1);
  await harness.settle();
  assert.deepEqual(bob.savedMarks, []);
  ada.edit(missing);
  harness.log.commit('doc');
  assert.deepEqual(bob.savedMarks, [1]);
});

test('I1: an edit that is pending when a write fails is never acknowledged', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  client.edit(new Typist().type('x'));
  client.probe(1);
  harness.log.fail('doc');
  await harness.settle();
  assert.deepEqual(client.savedMarks, []);
  assert.equal(client.closeCode, 4503);
});

test('I1: after a refusal no probe is answered any more, and the client gets the refusal', async (t) => {
  const harness = new SyncHarness(t);
  const reader = await harness.synced({ access: 'read' });
  reader.probe(1);
  reader.edit(new Typist().type('x'));
  reader.probe(2);
  reader.answer();
  await harness.settle();
  assert.deepEqual(reader.savedMarks, [1]);
  assert.deepEqual(reader.takeOf('denied'), [{ type: 'denied', reason: 'read only' }]);
});

test('I8: an answer that leaves too many edits waiting ends the session with 4400', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  for (let i = 0; i < 40 && client.closeCode === null; i++) {
    const typist = new Typist();
    typist.type('missing');
    client.answer(typist.type('x'.repeat(100 * 1024)));
  }
  assert.equal(client.closeCode, 4400);
  assert.ok(harness.log.pending('doc').length >= 9);
});

test('I1: a gap that another session leaves open does not matter to a session whose own gap has closed', async (t) => {
  const harness = new SyncHarness(t);
  const [stale, ada, bob] = [new Typist(), new Typist(), new Typist()];
  const [left, mine] = [await harness.synced({ userId: 'mallory' }), await harness.synced()];
  stale.type('lost');
  left.answer(stale.type('found'));
  const first = ada.type('first ');
  mine.answer(ada.type('second'));
  mine.probe(1);
  harness.log.commit('doc');
  await harness.settle();
  assert.deepEqual(mine.savedMarks, []);
  mine.edit(first);
  mine.edit(bob.type('more'));
  mine.probe(2);
  await harness.settle();
  assert.deepEqual(mine.savedMarks, [], 'the edit that closed the gap is not durable yet');
  harness.log.commit('doc');
  assert.deepEqual(mine.savedMarks, [1, 2]);
  mine.edit(ada.type('third'));
  mine.probe(3);
  harness.log.commit('doc');
  assert.deepEqual(mine.savedMarks, [1, 2, 3]);
  left.probe(4);
  await harness.settle();
  assert.deepEqual(left.savedMarks, [], 'the session with the open gap still waits');
});

test('I1: an empty answer does not acknowledge edits that still wait', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  const typist = new Typist();
  const missing = typist.type('missing ');
  client.answer(typist.type('x'));
  client.answer();
  client.probe(1);
  harness.log.commit('doc');
  await harness.settle();
  assert.deepEqual(client.savedMarks, []);
  client.edit(missing);
  harness.log.commit('doc');
  assert.deepEqual(client.savedMarks, [1]);
});

test('I1: a waiting deletion and structs of several clients are saved when the last of them has integrated', async (t) => {
  const harness = new SyncHarness(t);
  const [ada, bob, own] = [new Typist(), new Typist(), new Typist()];
  const written = ada.type('will go');
  const missing = bob.type('missing');
  const client = await harness.synced();
  client.answer(bob.type('x'));
  client.answer(ada.delete(0, 4));
  client.edit(own.type('own'));
  client.probe(1);
  for (const update of [written, missing]) {
    harness.log.commit('doc');
    await harness.settle();
    assert.deepEqual(client.savedMarks, []);
    client.edit(update);
  }
  harness.log.commit('doc');
  assert.deepEqual(client.savedMarks, [1]);
});
