import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FailureReport } from '../../../persistence/engine/log-observer.ts';
import { MemoryLog } from '../../../persistence/memory/memory-log.ts';
import { MemoryStore } from '../../../persistence/memory/memory-store.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import { FaultStore } from '../../support/fault-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';

suite('A log after a failed write', () => {
  test('tries to reopen with growing delays, and is open only after a test write has succeeded', async (t) => {
    const { log, faults, clock, failures } = setUp(t);
    const { document, follower } = await open(log);
    faults.fail(new Error('no space'));
    document.append(new Uint8Array(1), 'me');
    await follower.dead();
    for (const delayMs of [100, 200, 400, 800, 1600, 3200, 5000, 5000]) {
      await clock.waiting(delayMs);
      assert.equal(log.state, 'reopening');
      clock.advance(delayMs);
    }
    await clock.waiting(5000);
    faults.heal();
    const opened = new Promise((resolve) => log.onState(resolve));
    clock.advance(5000);
    assert.equal(await opened, 'open');
    assert.deepEqual(faults.batches.at(-1), { puts: 1, dels: 0, sync: true });
    assert.deepEqual(
      failures.map(({ during }) => during),
      ['write', ...Array.from({ length: 8 }, () => 'reopen')],
    );
  });

  test('drops all waiting entries, and never acknowledges them later (I2)', async (t) => {
    const { log, faults, clock } = setUp(t);
    const { document, follower } = await open(log);
    faults.hold();
    document.append(Uint8Array.of(1), 'me');
    await faults.started(1);
    document.append(Uint8Array.of(2), 'me');
    const closing = document.close();
    faults.fail(new Error('no space'));
    faults.release();
    await follower.dead();
    await closing;
    faults.heal();
    await clock.waiting(100);
    const opened = new Promise((resolve) => log.onState(resolve));
    clock.advance(100);
    await opened;
    const again = await open(log);
    assert.deepEqual(again.document.stored.tail, []);
    assert.deepEqual(follower.seqs, []);
    assert.equal(follower.failures.length, 1);
  });

  test('drops a compaction, and earlier pins can no longer be read', async (t) => {
    const { log, faults, clock, fake } = setUp(t);
    const { document, follower } = await open(log);
    document.append(new Uint8Array(10).fill(1), 'me');
    await follower.compactedTo(1);
    const pinned = document.pin();
    fake.hold();
    document.append(new Uint8Array(10).fill(2), 'me');
    await fake.called(2);
    faults.fail(new Error('no space'));
    document.append(new Uint8Array(1).fill(3), 'me');
    await follower.dead();
    await assert.rejects(async () => pinned?.read(0), { code: 'LOG_REOPENING' });
    pinned?.release();
    faults.heal();
    await clock.waiting(100);
    const opened = new Promise((resolve) => log.onState(resolve));
    clock.advance(100);
    await opened;
    fake.release();
    const again = await open(log);
    assert.equal(again.document.stored.snapshot?.seq, 1);
    again.document.forgetStored();
    await again.follower.compactedTo(2);
    assert.equal(fake.inputs.length, 3);
    assert.equal(follower.compactions.length, 1);
  });

  test('does not open a document whose opening was in progress', async (t) => {
    const { log, faults } = setUp(t);
    const { document, follower } = await open(log);
    faults.fail(new Error('no space'));
    document.append(new Uint8Array(1), 'me');
    // Reading takes a few more turns than the batch that fails.
    faults.hold();
    await faults.started(1);
    const opening = log.open('b', new RecordingFollower());
    faults.release();
    await Promise.all([follower.dead(), assert.rejects(opening, { code: 'LOG_REOPENING' })]);
  });

  test('closes even if a write fails meanwhile', async (t) => {
    const { log, faults } = setUp(t);
    const { document, follower } = await open(log);
    document.append(new Uint8Array(1), 'me');
    faults.fail(new Error('no space'));
    await log.close();
    assert.equal(follower.failures.length, 1);
    assert.equal(log.state, 'closed');
  });
});

function setUp(t: { after(end: () => Promise<void>): void }) {
  const faults = new FaultStore();
  const clock = new ManualClock();
  const fake = new FakeCompact();
  const failures: FailureReport[] = [];
  const store = new MemoryStore();
  const log = MemoryLog.open(
    { compaction: { minTailBytes: 10, tailToSnapshotRatio: 1, entryCostBytes: 0 } },
    {
      compact: fake.compact,
      clock,
      store: faults.wrap(store),
      reopen: () => Promise.resolve(faults.wrap(store)),
      observer: { failed: (failure) => failures.push(failure) },
    },
  );
  t.after(() => log.close());
  return { log, faults, clock, fake, failures };
}

async function open(log: MemoryLog) {
  const follower = new RecordingFollower();
  return { document: await log.open('a', follower), follower };
}
