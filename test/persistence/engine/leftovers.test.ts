import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { allLeftovers, DocumentKeys, pieceOf } from '../../../persistence/engine/keys.ts';
import { MemoryLog } from '../../../persistence/memory/memory-log.ts';
import { MemoryStore } from '../../../persistence/memory/memory-store.ts';
import type { KeyRange, RecordStore } from '../../../persistence/engine/record-store.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import { FaultStore } from '../../support/fault-store.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';

const keys = new DocumentKeys('a');
const never = { minTailBytes: Number.MAX_SAFE_INTEGER, tailToSnapshotRatio: 1, entryCostBytes: 0 };
const eager = { minTailBytes: 10, tailToSnapshotRatio: 0.1, entryCostBytes: 0 };
/** Takes three pieces. */
const large = 600_000;
const small = 100_000;

suite('Leftovers', () => {
  test('a compaction cut off after any batch loses nothing and leaves no leftovers (I1)', async () => {
    let cutOff = 0;
    for (let batches = 0; batches < 30 && cutOff === batches; batches += 1) {
      const store = new MemoryStore();
      await append(store, eager, large);
      await append(store, never, small);
      const faults = new FaultStore();
      faults.fail(new Error('cut off'), batches);
      const log = MemoryLog.open(
        { compaction: eager },
        { compact: new FakeCompact().compact, store: faults.wrap(store) },
      );
      const cut = stateOf(log, 'reopening');
      const follower = new RecordingFollower();
      // Opening and reading the document is enough, because its tail has outgrown the snapshot.
      (await log.open('a', follower)).forgetStored();
      await Promise.race([cut, follower.compactedTo(2).then(() => cleanIn(store, faults))]);
      if (log.state === 'reopening') cutOff += 1;
      await log.close();

      const after = new FaultStore();
      const again = MemoryLog.open(
        { compaction: never },
        { compact: new FakeCompact().compact, store: after.wrap(store) },
      );
      const document = await again.open('a', new RecordingFollower());
      const { snapshot, tail } = document.stored;
      let bytes = tail.reduce((sum, { update }) => sum + update.length, 0);
      if (snapshot !== null) bytes += (await document.pin()?.read(0))?.length ?? 0;
      assert.equal((snapshot?.seq ?? 0) + tail.length, 2);
      assert.equal(bytes, large + small);
      await cleanIn(store, after);
      await again.close();
    }
    // A mark, three pieces, the head, two deletions, the mark.
    assert.equal(cutOff, 8);
  });

  test('pieces of a pinned snapshot stay until it is released, across later compactions', async () => {
    const store = new MemoryStore();
    const faults = new FaultStore();
    const log = MemoryLog.open(
      { compaction: eager },
      { compact: new FakeCompact().compact, store: faults.wrap(store) },
    );
    const follower = new RecordingFollower();
    const document = await log.open('a', follower);
    document.append(new Uint8Array(large), 'me');
    await follower.compactedTo(1);
    await cleanIn(store, faults);
    const pins = [document.pin(), document.pin()];
    document.append(new Uint8Array(large), 'me');
    await follower.compactedTo(2);
    pins[0]?.release();
    document.append(new Uint8Array(large), 'me');
    await follower.compactedTo(3);
    assert.equal((await pins[1]?.read(0))?.length, large);
    // The snapshot between the two was never pinned.
    await cleanIn(store, faults, [1, 3]);
    await document.close();
    assert.equal((await pins[1]?.read(0))?.length, large);
    pins[1]?.release();
    await cleanIn(store, faults);
    await log.close();
  });

  test('a snapshot that was pinned when the process ended is deleted at the next start', async () => {
    const store = new MemoryStore();
    const log = MemoryLog.open({ compaction: eager }, { compact: new FakeCompact().compact, store });
    const follower = new RecordingFollower();
    const document = await log.open('a', follower);
    document.append(new Uint8Array(large), 'me');
    await follower.compactedTo(1);
    document.pin();
    document.append(new Uint8Array(large), 'me');
    await follower.compactedTo(2);
    await log.close();
    assert.deepEqual(await snapshotsIn(store), [1, 2]);
    const faults = new FaultStore();
    const again = MemoryLog.open(
      { compaction: never },
      { compact: new FakeCompact().compact, store: faults.wrap(store) },
    );
    await cleanIn(store, faults);
    await again.close();
  });
});

/** Appends one update, and waits for its fold if the policy demands one. */
async function append(store: MemoryStore, compaction: typeof never, bytes: number): Promise<void> {
  const faults = new FaultStore();
  const log = MemoryLog.open({ compaction }, { compact: new FakeCompact().compact, store: faults.wrap(store) });
  const follower = new RecordingFollower();
  const document = await log.open('a', follower);
  const { seq } = document.append(new Uint8Array(bytes), 'me');
  await follower.durable(seq);
  if (bytes >= compaction.minTailBytes) await follower.compactedTo(seq);
  await cleanIn(store, faults);
  await log.close();
}

function stateOf(log: MemoryLog, wanted: string): Promise<void> {
  return new Promise((resolve) => {
    log.onState((state) => {
      if (state === wanted) resolve();
    });
  });
}

/** Resolves when no mark is left and all pieces belong to one snapshot, or to exactly these snapshots. */
async function cleanIn(store: RecordStore, faults: FaultStore, snapshots?: readonly number[]): Promise<void> {
  for (;;) {
    const finished = faults.finishedBatches;
    const found = await snapshotsIn(store);
    if (snapshots !== undefined && found.join() === snapshots.join()) return;
    if ((await keysIn(store, allLeftovers)).length === 0 && found.length <= 1) return;
    await faults.finished(finished + 1);
  }
}

async function snapshotsIn(store: RecordStore): Promise<number[]> {
  return [...new Set((await keysIn(store, keys.pieces())).map((key) => pieceOf(key).seq))];
}

async function keysIn(store: RecordStore, range: KeyRange): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for await (const chunk of store.scanKeys(range)) found.push(...chunk);
  return found;
}
