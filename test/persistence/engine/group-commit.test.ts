import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { LevelLog } from '../../../persistence/level/level-log.ts';
import { MemoryLog } from '../../../persistence/memory/memory-log.ts';
import type { MemoryLogDeps } from '../../../persistence/memory/memory-log.ts';
import { MemoryStore } from '../../../persistence/memory/memory-store.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import { FaultStore } from '../../support/fault-store.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const never = { minTailBytes: Number.MAX_SAFE_INTEGER, tailToSnapshotRatio: 1, entryCostBytes: 0 };
const eager = { minTailBytes: 10, tailToSnapshotRatio: 1, entryCostBytes: 0 };

suite('GroupCommit', () => {
  test('entries are committed only after their batch is written (I1, I2)', async (t) => {
    const { log, faults } = memoryLog(t);
    const follower = new RecordingFollower();
    const document = await log.open('a', follower);
    faults.hold();
    document.append(new Uint8Array(1), 'me');
    await faults.started(1);
    assert.equal(follower.commits.length, 0);
    faults.release();
    await follower.durable(1);
  });

  test('one batch is in flight; entries that arrive meanwhile form the next, with one call per document (I3)', async (t) => {
    const { log, faults } = memoryLog(t);
    const followers = { a: new RecordingFollower(), b: new RecordingFollower() };
    const a = await log.open('a', followers.a);
    const b = await log.open('b', followers.b);
    faults.hold();
    a.append(new Uint8Array(1), 'me');
    await faults.started(1);
    for (let i = 0; i < 10; i += 1) {
      b.append(new Uint8Array(1), 'me');
      a.append(new Uint8Array(1), 'me');
    }
    faults.step();
    await faults.started(2);
    assert.deepEqual(followers.a.seqs, [1]);
    assert.deepEqual(followers.b.seqs, []);
    faults.release();
    await followers.a.durable(11);
    await followers.b.durable(10);
    assert.equal(followers.a.commits.length, 2);
    assert.equal(followers.b.commits.length, 1);
    assert.deepEqual(
      faults.batches.map(({ puts }) => puts),
      // The entries, and the meta record of each document with its first entry.
      [2, 21],
    );
  });

  test('a backlog is cut into batches that do not block the event loop (I6)', async (t) => {
    const { log, faults } = memoryLog(t);
    const follower = new RecordingFollower();
    const document = await log.open('a', follower);
    for (let i = 0; i < 10_000; i += 1) document.append(new Uint8Array(1), 'me');
    await follower.durable(10_000);
    assert.deepEqual(
      follower.commits.map((entries) => entries.length),
      [4096, 4096, 1808],
    );
    const large = await log.open('large', follower);
    for (let i = 0; i < 5; i += 1) large.append(new Uint8Array(400_000), 'me');
    await large.close();
    assert.deepEqual(
      follower.commits.slice(3).map((entries) => entries.length),
      [2, 2, 1],
    );
    assert.equal(faults.mostInFlight, 1);
  });

  test('a small edit goes into the next batch, however long the backlog of other documents is (I6)', async (t) => {
    const { log, faults } = memoryLog(t);
    faults.hold();
    const floods: RecordingFollower[] = [];
    for (let i = 0; i < 10; i += 1) {
      const flood = new RecordingFollower();
      const document = await log.open(`flood ${i}`, flood);
      for (let entry = 0; entry < 1000; entry += 1) document.append(new Uint8Array(20_000), 'me');
      document.append(new Uint8Array(3_000_000), 'me');
      floods.push(flood);
    }
    await faults.started(1);
    const follower = new RecordingFollower();
    const document = await log.open('quiet', follower);
    document.append(new Uint8Array(20), 'me');
    faults.step();
    await faults.started(2);
    assert.deepEqual(follower.seqs, []);
    faults.step();
    await faults.started(3);
    assert.deepEqual(follower.seqs, [1]);
    // Each flood got its share of the second batch, and no flood got two.
    assert.deepEqual(
      floods.map(({ seqs }) => seqs.length > 0),
      floods.map(() => true),
    );
    faults.release();
    const all = Array.from({ length: 1001 }, (_, i) => i + 1);
    for (const flood of floods) {
      await flood.durable(1001);
      assert.deepEqual(flood.seqs, all);
    }
  });

  test('an entry larger than a batch is not delayed by many small entries of other documents', async (t) => {
    const { log, faults } = memoryLog(t);
    const followers = Array.from({ length: 3 }, () => new RecordingFollower());
    const documents = [];
    for (const [i, follower] of followers.entries()) documents.push(await log.open(String(i), follower));
    faults.hold();
    documents[0]!.append(new Uint8Array(1), 'me');
    await faults.started(1);
    for (let i = 0; i < 20_000; i += 1) for (const at of [1, 2]) documents[at]!.append(new Uint8Array(1), 'me');
    documents[0]!.append(new Uint8Array(5_000_000), 'me');
    // It comes after both others in the second batch and before them in the third.
    for (let batch = 2; batch <= 4; batch += 1) {
      faults.step();
      await faults.started(batch);
    }
    assert.deepEqual(followers[0]!.seqs, [1, 2]);
    assert.ok(followers[1]!.seqs.length < 20_000);
    faults.release();
    await followers[2]!.durable(20_000);
  });

  test('pieces of a snapshot alternate with entries, one batch at a time', async (t) => {
    const { log, faults } = memoryLog(t, { compaction: eager });
    const follower = new RecordingFollower();
    const busy = new RecordingFollower();
    const document = await log.open('a', follower);
    const other = await log.open('b', busy);
    let compacted = false;
    busy.onCommitted = () => {
      if (!compacted) other.append(new Uint8Array(0), 'me');
    };
    other.append(new Uint8Array(0), 'me');
    document.append(new Uint8Array(2_000_000), 'me');
    await follower.compactedTo(1);
    compacted = true;
    assert.equal(faults.mostInFlight, 1);
    // A mark, eight pieces and the head, each after a commit of the other document.
    assert.ok(busy.commits.length >= 10, `${busy.commits.length} commits`);
    await other.close();
  });

  test('the injected pacing decides when a batch starts, and is asked once for all waiting entries', async (t) => {
    let start: (() => void) | null = null;
    let asked = 0;
    const { log } = memoryLog(t, {
      pacing: (go) => {
        start = go;
        asked += 1;
      },
    });
    const follower = new RecordingFollower();
    const document = await log.open('a', follower);
    for (let i = 0; i < 3; i += 1) document.append(new Uint8Array(1), 'me');
    assert.equal(asked, 1);
    (start as (() => void) | null)?.();
    await follower.durable(3);
    assert.equal(follower.commits.length, 1);
  });

  test('with fsync every batch is synced; with write entries are not, but records that others refer to are', async (t) => {
    for (const commit of ['fsync', 'write'] as const) {
      const faults = new FaultStore();
      const log = await LevelLog.open(
        { folder: tempFolder(t), commit, diskReserveBytes: 0, compaction: eager },
        { compact: new FakeCompact().compact, wrapStore: (store) => faults.wrap(store) },
      );
      t.after(() => log.close());
      const follower = new RecordingFollower();
      const document = await log.open('a', follower);
      document.append(new Uint8Array(10), 'me');
      await follower.compactedTo(1);
      const [entries, ...snapshot] = faults.batches;
      assert.equal(entries?.sync, commit === 'fsync');
      // Mark, piece, head.
      assert.deepEqual(
        snapshot.slice(0, 3).map(({ sync }) => sync),
        [true, true, true],
      );
    }
  });
});

type Overrides = Partial<MemoryLogDeps> & { readonly compaction?: typeof never };

function memoryLog(t: TestContext, { compaction = never, ...deps }: Overrides = {}) {
  const faults = new FaultStore();
  const store = faults.wrap(new MemoryStore());
  const log = MemoryLog.open({ compaction }, { compact: new FakeCompact().compact, store, ...deps });
  t.after(() => log.close());
  return { log, faults };
}
