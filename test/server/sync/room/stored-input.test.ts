/** Every update that was accepted can be opened, folded and sent for as long as it is stored. */
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { MemoryLog } from '../../../../persistence/memory/memory-log.ts';
import { MemoryStore } from '../../../../persistence/memory/memory-store.ts';
import { YjsWorker } from '../../../../persistence/compaction/yjs-worker.ts';
import { verifyDocuments } from '../../../../persistence/engine/verify-documents.ts';
import { within } from '../../../support/deadline.ts';
import { RecordingFollower } from '../../../support/recording-follower.ts';
import { deletionsOf, struct, updateOf } from '../../../support/update-bytes.ts';
import { WorkerSite } from '../../../support/worker-site.ts';
import type { Owner } from '../../../support/owner.ts';

/** Two structs that depend on each other. Each is in a separate update, so neither update shows the circle. */
const circle = [
  updateOf([{ client: 10, clock: 0, structs: [struct.textAfter(11, 0, 'a')] }]),
  updateOf([{ client: 11, clock: 0, structs: [struct.textAfter(10, 0, 'b')] }]),
];
const text = updateOf([{ client: 1, clock: 0, structs: [struct.text('still here')] }]);

/** Stores updates like a server that has accepted them, and folds them into a snapshot. */
async function fold(t: Owner, store: MemoryStore, docId: string, updates: readonly Uint8Array[]): Promise<void> {
  const worker = new YjsWorker();
  t.after(() => worker.close());
  const compaction = { minTailBytes: 1, tailToSnapshotRatio: 0, entryCostBytes: 100 };
  const log = MemoryLog.open({ compaction }, { compact: worker.compact, store });
  const document = await log.open(docId, new RecordingFollower());
  for (const update of updates) document.append(update, 'ada');
  document.forgetStored();
  await document.close();
  // Threads do not keep the process alive.
  await within(60_000, 'the snapshot', log.settled());
  await log.close();
}

suite('stored documents', () => {
  test('I4 I6: a document with circular structs and more than a megabyte of waiting edits can be opened again', async (t) => {
    const store = new MemoryStore();
    const waiting = [0, 1, 2].map((i) => deletionsOf(100 + i, 1_000_000, 90_000));
    await fold(t, store, 'doc', [...circle, ...waiting, text]);
    const site = new WorkerSite(t, { store });
    const client = await site.connect('doc').live();
    const doc = new Y.Doc();
    for (const update of await client.sync()) Y.applyUpdate(doc, update);
    assert.equal(client.refusal, null);
    assert.equal(doc.getText('text').toJSON(), 'still here');
    client.vanish();
  });

  test('I4 I6: hostile SyncStep2 messages cannot make a document that does not open', async (t) => {
    const store = new MemoryStore();
    const site = new WorkerSite(t, { store, minTailBytes: 1 });
    const person = await site.connect('doc').live();
    person.answer(text);
    assert.ok(await person.saved());
    const attacker = await site.connect('doc').live();
    for (const update of circle) attacker.answer(update);
    for (const i of [0, 1, 2]) attacker.answer(deletionsOf(100 + i, 1_000_000, 90_000));
    await attacker.settled();
    attacker.vanish();
    person.vanish();
    await site.unload('doc');
    const again = await site.connect('doc').live();
    const doc = new Y.Doc();
    for (const update of await again.sync()) Y.applyUpdate(doc, update);
    assert.equal(again.refusal, null);
    assert.equal(doc.getText('text').toJSON(), 'still here');
    again.answer(updateOf([{ client: 1, clock: 10, structs: [struct.textAfter(1, 9, '!')] }]));
    await again.settled();
    assert.equal(again.refusal, null);
    again.vanish();
    await site.unload('doc');
    const { verified, damaged } = await verifyDocuments(store, () => true);
    assert.deepEqual([verified, damaged], [1, []]);
  });
});
