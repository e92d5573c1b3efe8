/** I5: a reader's grant cannot change a document by any path. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { emptyStateVector } from '../../../support/frames.ts';
import { Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';
import type { FakeClient } from '../../../support/sync-harness.ts';

const ways: Record<string, (reader: FakeClient, typist: Typist) => void> = {
  'an update': (reader, typist) => reader.edit(typist.type('x')),
  'an answer to SyncStep1': (reader, typist) => reader.answer(typist.type('x')),
  'a deletion': (reader, typist) => reader.edit(typist.delete(0, 3)),
  'an edit with a gap': (reader, typist) => {
    typist.type('kept back');
    reader.edit(typist.type('x'));
  },
  'an answer with a gap': (reader, typist) => {
    typist.type('kept back');
    reader.answer(typist.type('x'));
  },
  'an update that is scanned in a worker': (reader, typist) => reader.edit(typist.type('x'.repeat(1_100 * 1024))),
};

async function readerOfStoredText(t: TestContext): Promise<[SyncHarness, FakeClient, Typist]> {
  const harness = new SyncHarness(t);
  const typist = new Typist();
  harness.log.store('doc', [typist.type('stored')]);
  return [harness, await harness.synced({ access: 'read', userId: 'reader' }), typist];
}

for (const [name, write] of Object.entries(ways)) {
  test(`I5: a reader changes nothing by ${name}, and gets a refusal`, async (t) => {
    const [harness, reader, typist] = await readerOfStoredText(t);
    const other = await harness.synced();
    write(reader, typist);
    await harness.settle();
    assert.equal(harness.log.pending('doc').length, 0);
    assert.deepEqual(other.take(), []);
    assert.deepEqual(reader.take(), [{ type: 'denied', reason: 'read only' }]);
    assert.equal(harness.stats.updatesRefused, 1);
    assert.equal(reader.closeCode, null);
  });
}

test('I5: an answer that a reader sends during the handshake changes nothing either', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.opening.close();
  const reader = harness.connect({ access: 'read' });
  reader.answer(new Typist().type('x'));
  harness.log.opening.open();
  await harness.settle();
  assert.equal(harness.log.pending('doc').length, 0);
  assert.equal(harness.stats.updatesRefused, 1);
});

test('a reader whose answer holds nothing new is not refused, and its probes are answered', async (t) => {
  const [harness, , typist] = await readerOfStoredText(t);
  const reader = await harness.live({ access: 'read' });
  reader.answer(typist.answerTo(emptyStateVector));
  reader.probe(1);
  assert.deepEqual(reader.savedMarks, [1]);
  assert.equal(harness.stats.updatesRefused, 0);
});

test('a reader gets the edits of others, and its presence is sent to them', async (t) => {
  const [harness, reader, typist] = await readerOfStoredText(t);
  const writer = await harness.synced();
  writer.edit(typist.type('!'));
  harness.log.commit('doc');
  reader.send({ type: 'awareness', entries: [{ client: 7, clock: 1, state: '{}' }] });
  await harness.settle();
  assert.equal(reader.takeOf('update').length, 1);
  assert.deepEqual(writer.takeOf('awareness')[0]?.entries, [{ client: 7, clock: 1, state: '{}' }]);
});

for (const send of ['edit', 'answer'] as const) {
  test(`I1: the probe of a reader whose ${send} is known is answered when the original is durable, and not before`, async (t) => {
    const harness = new SyncHarness(t);
    const [writer, reader] = [await harness.synced(), await harness.synced({ access: 'read', userId: 'reader' })];
    const update = new Typist().type('x');
    writer.edit(update);
    reader[send](update);
    reader.probe(1);
    await harness.settle();
    assert.deepEqual(reader.savedMarks, []);
    harness.log.commit('doc');
    assert.deepEqual(reader.savedMarks, [1]);
  });
}

test('I1: the probe of a reader whose known update waits for a missing edit is answered when that edit is durable', async (t) => {
  const harness = new SyncHarness(t);
  const [writer, reader] = [await harness.synced(), await harness.synced({ access: 'read', userId: 'reader' })];
  const typist = new Typist();
  const missing = typist.type('missing ');
  const update = typist.type('x');
  writer.answer(update);
  harness.log.commit('doc');
  reader.edit(update);
  reader.probe(1);
  await harness.settle();
  assert.deepEqual(reader.savedMarks, []);
  writer.edit(missing);
  harness.log.commit('doc');
  assert.deepEqual(reader.savedMarks, [1]);
});
