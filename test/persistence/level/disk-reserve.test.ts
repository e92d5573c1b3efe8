import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { LevelLog } from '../../../persistence/level/level-log.ts';
import type { FailureReport } from '../../../persistence/engine/log-observer.ts';
import type { LogState } from '../../../persistence/update-log.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';
import { tempFolder } from '../../support/temp-folder.ts';

suite('DiskReserve', () => {
  test('below the reserve the log is read-only: it refuses to append, can be read, and recovers by itself', async (t) => {
    const clock = new ManualClock();
    const fake = new FakeCompact();
    let freeBytes = 1000;
    const log = await LevelLog.open(
      {
        folder: tempFolder(t),
        commit: 'fsync',
        diskReserveBytes: 1000,
        compaction: { minTailBytes: 10, tailToSnapshotRatio: 1, entryCostBytes: 0 },
      },
      { compact: fake.compact, clock, freeBytes: () => Promise.resolve(freeBytes) },
    );
    t.after(() => log.close());
    const states: LogState[] = [];
    log.onState((state) => states.push(state));
    /** Resolves after the log has checked the disk. */
    const look = async (free: number): Promise<void> => {
      freeBytes = free;
      clock.advance(1000);
      await clock.waiting(1000);
    };
    const follower = new RecordingFollower();
    const document = await log.open('a', follower);
    document.append(new Uint8Array(9), 'me');
    await follower.durable(1);

    document.append(new Uint8Array(9), 'me');
    await look(999);
    assert.equal(log.state, 'read-only');
    assert.throws(() => document.append(new Uint8Array(9), 'me'), { code: 'LOG_READ_ONLY' });
    // Entries accepted before are still stored. No compaction starts.
    await follower.durable(2);
    assert.equal(fake.inputs.length, 0);
    const other = await log.open('b', new RecordingFollower());
    assert.throws(() => other.append(new Uint8Array(9), 'me'), { code: 'LOG_READ_ONLY' });

    // Just above the reserve the log stays read-only, so that the state does not flap.
    await look(1249);
    assert.equal(log.state, 'read-only');
    await look(1250);
    assert.equal(log.state, 'open');
    document.append(new Uint8Array(9), 'me');
    await follower.compactedTo(3);
    assert.deepEqual(states, ['read-only', 'open']);
  });

  test('a disk that is low at the start is detected before anything is appended', async (t) => {
    const log = await LevelLog.open(
      {
        folder: tempFolder(t),
        commit: 'fsync',
        diskReserveBytes: Number.MAX_SAFE_INTEGER,
        compaction: { minTailBytes: 10, tailToSnapshotRatio: 1, entryCostBytes: 0 },
      },
      { compact: new FakeCompact().compact },
    );
    t.after(() => log.close());
    assert.equal(log.state, 'read-only');
  });

  test('a failure to read the free space is reported and changes nothing (I8)', async (t) => {
    const clock = new ManualClock();
    const failures: FailureReport[] = [];
    const log = await LevelLog.open(
      {
        folder: tempFolder(t),
        commit: 'fsync',
        diskReserveBytes: 1000,
        compaction: { minTailBytes: 10, tailToSnapshotRatio: 1, entryCostBytes: 0 },
      },
      {
        compact: new FakeCompact().compact,
        clock,
        freeBytes: () => Promise.reject(new Error('no such device')),
        observer: { failed: (failure) => failures.push(failure) },
      },
    );
    assert.equal(log.state, 'open');
    assert.deepEqual(
      failures.map(({ during }) => during),
      ['free-space'],
    );
    assert.deepEqual(clock.pending, [1000]);
    await log.close();
    assert.deepEqual(clock.pending, []);
  });
});
