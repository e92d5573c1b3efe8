import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CorruptDocumentError } from '../../../persistence/errors.ts';
import { DocumentKeys } from '../../../persistence/engine/keys.ts';
import { MemoryLog } from '../../../persistence/memory/memory-log.ts';
import { MemoryStore } from '../../../persistence/memory/memory-store.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import { FaultStore } from '../../support/fault-store.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';

const keys = new DocumentKeys('a');
const never = { minTailBytes: Number.MAX_SAFE_INTEGER, tailToSnapshotRatio: 1, entryCostBytes: 0 };
const eager = { minTailBytes: 10, tailToSnapshotRatio: 0.1, entryCostBytes: 0 };

suite('Deletion', () => {
  test('cut off after any batch, leaves all of the document or none of it, and no leftovers (I1)', async () => {
    let cutOff = 0;
    for (let batches = 0; batches < 30 && cutOff === batches; batches += 1) {
      const store = await storeWithDocument();
      const faults = new FaultStore();
      faults.fail(new Error('cut off'), batches);
      const log = openLog(faults.wrap(store));
      const deleted = await log.delete('a', [7]).catch(() => false);
      await log.settled();
      if (log.state === 'reopening') cutOff += 1;
      await log.close();

      const again = openLog(store);
      await again.settled();
      const { stored } = await again.open('a', new RecordingFollower());
      assert.equal(deleted, batches > 0, 'it resolves with the first batch');
      assert.deepEqual([stored.snapshot?.seq, stored.tail.length], deleted ? [undefined, 0] : [2, 2]);
      if (deleted) assert.equal(await kindsIn(store), 'D');
      await again.close();
    }
    // The tombstone; entries, set-aside entries, pieces; the mark.
    assert.equal(cutOff, 5);
  });

  test('is on disk when it resolves, for any value of `commit` (I1)', async () => {
    const faults = new FaultStore();
    const log = openLog(faults.wrap(await storeWithDocument()));
    await log.delete('a', []);
    assert.equal(faults.batches[0]?.sync, true);
    await log.close();
  });

  test('of a transient document leaves no records, even after being cut off at any point', async () => {
    let cutOff = 0;
    for (let batches = 0; batches < 30 && cutOff === batches; batches += 1) {
      const store = await storeWithDocument(true);
      const faults = new FaultStore();
      faults.fail(new Error('cut off'), batches);
      const log = openLog(faults.wrap(store));
      await log.settled();
      if (log.state === 'reopening') cutOff += 1;
      await log.close();
      const again = openLog(store);
      await again.settled();
      assert.equal(await kindsIn(store), '');
      await again.close();
    }
    assert.equal(cutOff, 5);
  });

  test('works on a document that cannot be read, and a new document under its name is intact', async () => {
    for (const key of [keys.meta, keys.head, keys.entry(4)]) {
      const store = await storeWithDocument();
      const batch = store.batch();
      batch.put(key, Buffer.from('broken'));
      await batch.write({ sync: true });
      const log = openLog(store);
      await assert.rejects(log.open('a', new RecordingFollower()), CorruptDocumentError);
      assert.equal(await log.delete('a', []), true);
      await log.settled();
      assert.equal(await kindsIn(store), 'D');
      const document = await log.open('a', new RecordingFollower());
      assert.equal(document.append(Uint8Array.of(1), 'me').seq, 5);
      await log.close();
    }
  });

  test('an unreadable or missing tombstone is detected: nothing is served or forgotten (I8)', async () => {
    for (const change of ['break', 'remove'] as const) {
      const store = await storeWithDocument();
      const log = openLog(store);
      await log.delete('a', [7]);
      const document = await log.open('a', new RecordingFollower());
      document.append(Uint8Array.of(1), 'me');
      await document.close();
      const batch = store.batch();
      if (change === 'break') batch.put(keys.tombstone, Buffer.from('broken'));
      else batch.del(keys.tombstone);
      await batch.write({ sync: true });
      await assert.rejects(log.open('a', new RecordingFollower()), CorruptDocumentError);
      if (change === 'break') await assert.rejects(log.delete('a', []), CorruptDocumentError);
      await log.close();
    }
  });
});

function openLog(store: MemoryStore | ReturnType<FaultStore['wrap']>, compaction = never): MemoryLog {
  return MemoryLog.open({ compaction }, { compact: new FakeCompact().compact, store });
}

/** A document with a snapshot of two entries, one of which was set aside, and two entries after it. */
async function storeWithDocument(transient = false): Promise<MemoryStore> {
  const store = new MemoryStore();
  const log = openLog(store, eager);
  const follower = new RecordingFollower();
  const document = await log.open('a', follower, { transient });
  document.append(Uint8Array.of(0xff), 'mallory');
  document.append(new Uint8Array(20), 'me');
  await follower.compactedTo(2);
  await log.settled();
  document.append(Uint8Array.of(1), 'me');
  const last = document.append(Uint8Array.of(2), 'me');
  await follower.durable(last.seq);
  await log.close();
  return store;
}

/** The kinds of the document's records, in order. */
async function kindsIn(store: MemoryStore): Promise<string> {
  const kinds = new Set<string>();
  for await (const found of store.scanKeys({ gte: Buffer.from([0]), lt: Buffer.from([0xff]) })) {
    for (const key of found) kinds.add(String.fromCharCode(key[0]!));
  }
  return [...kinds].filter((kind) => kind !== 'W').join('');
}
