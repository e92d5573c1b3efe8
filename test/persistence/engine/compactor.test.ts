import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { setImmediate as turn } from 'node:timers/promises';
import { CorruptDocumentError } from '../../../persistence/errors.ts';
import type { KeyRange } from '../../../persistence/engine/record-store.ts';
import { DocumentKeys } from '../../../persistence/engine/keys.ts';
import type { CompactionReport } from '../../../persistence/engine/log-observer.ts';
import { MemoryLog } from '../../../persistence/memory/memory-log.ts';
import { MemoryStore } from '../../../persistence/memory/memory-store.ts';
import { unsealEntry } from '../../../persistence/engine/records.ts';
import { Deferred } from '../../support/deferred.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import { FaultStore } from '../../support/fault-store.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';
import { Signal } from '../../support/signal.ts';

const eager = { minTailBytes: 10, tailToSnapshotRatio: 1, entryCostBytes: 0 };

suite('Compactor', () => {
  test('does not replace the head of a document that is being opened', async (t) => {
    const store = new HeldReads();
    const faults = new FaultStore();
    const fake = new FakeCompact();
    const log = MemoryLog.open({ compaction: eager }, { compact: fake.compact, store: faults.wrap(store) });
    t.after(() => log.close());
    fake.hold();
    const first = await log.open('a', new RecordingFollower());
    first.append(new Uint8Array(10).fill(1), 'me');
    await fake.called(1);
    await first.close();

    store.hold();
    const follower = new RecordingFollower();
    const opening = log.open('a', follower);
    await store.held();
    fake.release();
    // The entry, the mark and the piece. If the head followed now, it would be written after these turns and the entry
    // deleted.
    await faults.finished(3);
    for (let i = 0; i < 50; i += 1) await turn();
    store.release();
    const document = await opening;
    assert.equal(document.stored.tail.length, 1);
    await follower.compactedTo(1);
    assert.equal((await document.pin()?.read(0))?.length, 10);
  });

  test('keeps the pending update set aside from the snapshot even if every entry is also set aside', async (t) => {
    const updates = [1, 2, 3].map((client) => {
      const doc = new Y.Doc();
      doc.clientID = client;
      doc.getText('text').insert(0, 'something that poisons');
      return Y.encodeStateAsUpdate(doc);
    });
    const [waitingSetAside = null, ...entries] = updates;
    const fake = new FakeCompact();
    const store = new MemoryStore();
    const failures: unknown[] = [];
    const failure = new Deferred();
    const log = MemoryLog.open(
      { compaction: { ...eager, minTailBytes: 60 } },
      {
        store,
        compact: async (input) => {
          const output = await fake.compact({ ...input, entries: [] });
          return { ...output, setAside: input.entries.map(({ seq }) => seq), waitingSetAside };
        },
        observer: {
          compactionFailed: ({ error }) => {
            failures.push(error);
            failure.resolve();
          },
        },
      },
    );
    t.after(() => log.close());
    const follower = new RecordingFollower();
    const document = await log.open('a', follower);
    for (const update of entries) document.append(update, 'me');
    await Promise.race([follower.compactedTo(2), failure.promise]);
    assert.deepEqual(failures, []);
    const keys = new DocumentKeys('a');
    const kept = [1, 2].map((seq) => keys.setAside(seq));
    const stored = (await store.getMany(kept)).map((value, i) => unsealEntry(kept[i]!, value!).update);
    const merged = Y.mergeUpdates(stored);
    for (const update of updates)
      assert.deepEqual(Y.diffUpdate(update, Y.encodeStateVectorFromUpdate(merged)).length, 2);
  });

  test('folds one document at a time, each once however often its tail has grown meanwhile', async (t) => {
    const reports: CompactionReport[] = [];
    const fake = new FakeCompact();
    const log = MemoryLog.open(
      { compaction: eager },
      { compact: fake.compact, observer: { compacted: (report) => reports.push(report) } },
    );
    t.after(() => log.close());
    fake.hold();
    const followers = ['a', 'b', 'c'].map(() => new RecordingFollower());
    for (const [i, docId] of ['a', 'b', 'c'].entries()) {
      const follower = followers[i] as RecordingFollower;
      const document = await log.open(docId, follower);
      for (let seq = 1; seq <= 3; seq += 1) {
        document.append(new Uint8Array(10), 'me');
        await follower.durable(seq);
      }
    }
    assert.equal(fake.inputs.length, 1);
    fake.release();
    await Promise.all(followers.map((follower) => follower.compactedTo(3)));
    assert.deepEqual(
      reports.map(({ docId, seq, tailBytes, snapshotBytes }) => ({ docId, seq, tailBytes, snapshotBytes })).slice(-2),
      ['b', 'c'].map((docId) => ({ docId, seq: 3, tailBytes: 30, snapshotBytes: 30 })),
    );
  });

  test('folds the tail with which a document was closed during its fold', async (t) => {
    const fake = new FakeCompact();
    const reports: CompactionReport[] = [];
    const log = MemoryLog.open(
      { compaction: eager },
      { compact: fake.compact, observer: { compacted: (report) => reports.push(report) } },
    );
    t.after(() => log.close());
    fake.hold();
    const document = await log.open('a', new RecordingFollower());
    document.append(new Uint8Array(10), 'me');
    await fake.called(1);
    document.append(new Uint8Array(10), 'me');
    await document.close();
    fake.release();
    await fake.called(2);
    assert.deepEqual(
      reports.map(({ seq }) => seq),
      [1],
    );
  });

  test('counts the cost that many small entries add to an opening', async (t) => {
    const fake = new FakeCompact();
    const policy = { minTailBytes: 100, tailToSnapshotRatio: 1, entryCostBytes: 30 };
    const log = MemoryLog.open({ compaction: policy }, { compact: fake.compact });
    t.after(() => log.close());
    const document = await log.open('a', new RecordingFollower());
    for (let i = 0; i < 4; i++) document.append(new Uint8Array(1), 'me');
    await fake.called(1);
    assert.equal(fake.inputs[0]?.entries.length, 4);
  });

  test('folds a long tail only after forgetStored', async (t) => {
    const store = new MemoryStore();
    const never = { minTailBytes: Infinity, tailToSnapshotRatio: 1, entryCostBytes: 0 };
    const before = MemoryLog.open({ compaction: never }, { compact: new FakeCompact().compact, store });
    (await before.open('a', new RecordingFollower())).append(new Uint8Array(10), 'me');
    await before.close();
    const fake = new FakeCompact();
    const log = MemoryLog.open({ compaction: eager }, { compact: fake.compact, store });
    t.after(() => log.close());
    const document = await log.open('a', new RecordingFollower());
    await log.settled();
    assert.equal(document.stored.tail.length, 1);
    assert.equal(fake.inputs.length, 0);
    document.forgetStored();
    await fake.called(1);
  });

  test('does not fold an open document whose last entry cannot be found', async (t) => {
    const store = new MemoryStore();
    const fake = new FakeCompact();
    const failures: unknown[] = [];
    const failed = new Deferred();
    const log = MemoryLog.open(
      { compaction: eager },
      {
        store,
        compact: fake.compact,
        observer: {
          compactionFailed: ({ error }) => {
            failures.push(error);
            failed.resolve();
          },
        },
      },
    );
    t.after(() => log.close());
    fake.hold();
    const other = await log.open('other', new RecordingFollower());
    other.append(new Uint8Array(10), 'me');
    await fake.called(1);
    const follower = new RecordingFollower();
    const document = await log.open('a', follower);
    for (let i = 0; i < 3; i++) document.append(new Uint8Array(10), 'me');
    await follower.durable(3);
    const batch = store.batch();
    batch.del(new DocumentKeys('a').entry(3));
    await batch.write({ sync: true });
    fake.release();
    await failed.promise;
    const [error] = failures;
    assert.ok(error instanceof CorruptDocumentError);
    assert.match(error.message, /Entry 3 cannot be found/);
    assert.deepEqual(follower.compactions, []);
  });

  test('reads the tail of an open document forwards, and of a closed one backwards', async (t) => {
    const store = new CountedScans();
    const fake = new FakeCompact();
    const log = MemoryLog.open({ compaction: { ...eager, minTailBytes: 40 } }, { store, compact: fake.compact });
    t.after(() => log.close());
    const follower = new RecordingFollower();
    const document = await log.open('a', follower);
    const opened = store.scans.splice(0);
    for (let i = 0; i < 4; i++) document.append(new Uint8Array(10), 'me');
    await follower.compactedTo(4);
    const folded = store.scans.splice(0);
    for (let i = 0; i < 3; i++) document.append(new Uint8Array(10), 'me');
    await document.close();
    await fake.called(2);
    assert.deepEqual([opened, folded, store.scans], [['backwards'], ['forwards'], ['backwards']]);
  });

  test('is settled when every tail worth folding has been folded', async (t) => {
    const fake = new FakeCompact();
    const seqs: number[] = [];
    const log = MemoryLog.open(
      { compaction: eager },
      { compact: fake.compact, observer: { compacted: ({ seq }) => seqs.push(seq) } },
    );
    t.after(() => log.close());
    fake.hold();
    for (const docId of ['a', 'b']) {
      const document = await log.open(docId, new RecordingFollower());
      document.append(new Uint8Array(10), 'me');
      await document.close();
    }
    const settled = log.settled();
    fake.release();
    await settled;
    assert.deepEqual(seqs, [1, 1]);
    await log.settled();
  });

  test('keeps entries set aside under their numbers, and a pending update under that of the last folded entry', async (t) => {
    const store = new MemoryStore();
    const fake = new FakeCompact();
    const reports: CompactionReport[] = [];
    const log = MemoryLog.open(
      { compaction: eager },
      { compact: fake.compact, store, observer: { compacted: (report) => reports.push(report) } },
    );
    t.after(() => log.close());
    fake.waitingSetAside = new Uint8Array(3).fill(7);
    const document = await log.open('a', new RecordingFollower());
    for (const byte of [1, 2, 0xff]) document.append(new Uint8Array(4).fill(byte), byte === 0xff ? 'mallory' : 'me');
    await document.close();
    await log.settled();
    assert.deepEqual(
      reports.map(({ setAside, waitingSetAside }) => [setAside, waitingSetAside]),
      [[[3], true]],
    );
    const keys = new DocumentKeys('a');
    const kept = async (seq: number): Promise<unknown> => {
      const key = keys.setAside(seq);
      const [value] = await store.getMany([key]);
      const { userId, update } = unsealEntry(key, value as Uint8Array);
      return [userId, ...update];
    };
    assert.deepEqual(await kept(3), ['mallory', 0xff, 0xff, 0xff, 0xff]);
    assert.deepEqual(await kept(2), ['', 7, 7, 7]);
  });

  test('does not fold a small tail when a document is closed', async (t) => {
    const fake = new FakeCompact();
    const log = MemoryLog.open({ compaction: eager }, { compact: fake.compact });
    t.after(() => log.close());
    const small = await log.open('small', new RecordingFollower());
    small.append(new Uint8Array(2), 'me');
    await small.close();
    const worthIt = await log.open('worth it', new RecordingFollower());
    worthIt.append(new Uint8Array(3), 'me');
    await worthIt.close();
    await fake.called(1);
    assert.deepEqual(
      fake.inputs.map(({ entries }) => entries[0]?.update.length),
      [3],
    );
  });
});

/** Records in which direction values are scanned. */
class CountedScans extends MemoryStore {
  readonly scans: string[] = [];

  override scanValues(range: KeyRange): AsyncIterable<readonly Uint8Array[]> {
    this.scans.push('forwards');
    return super.scanValues(range);
  }

  override scanValuesBackwards(range: KeyRange): AsyncIterable<readonly Uint8Array[]> {
    this.scans.push('backwards');
    return super.scanValuesBackwards(range);
  }
}

/** A store whose reads of single records can be delayed. */
class HeldReads extends MemoryStore {
  readonly #changed = new Signal();
  #waiting: (() => void)[] | null = null;

  hold(): void {
    this.#waiting = [];
  }

  /** Resolves when a read waits. */
  held(): Promise<void> {
    return this.#changed.until(() => (this.#waiting?.length ?? 0) > 0);
  }

  release(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    for (const go of waiting) go();
  }

  override async getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    const values = await super.getMany(keys);
    // Only the first read is held. Other reads continue.
    if (this.#waiting?.length === 0) {
      await new Promise<void>((go) => {
        this.#waiting?.push(go);
        this.#changed.notify();
      });
    }
    return values;
  }
}
