import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { LevelLog } from '../../../persistence/level/level-log.ts';
import { guardMs, within } from '../../support/deadline.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';

const mb = 1024 * 1024;
const fillerBytes = 8 * mb;

suite('A log on a full disk', () => {
  test('keeps every acknowledged entry, and resumes without a restart when space is freed (I1)', async (t) => {
    const disk = await smallDisk(t, 20 * mb);
    if (disk === null) return;
    const filler = join(disk, 'filler');
    await writeFile(filler, new Uint8Array(fillerBytes));
    const log = await openIn(disk, 0);
    t.after(() => log.close());
    const followers: RecordingFollower[] = [];
    const documents = [];
    for (const docId of ['a', 'b']) {
      const follower = new RecordingFollower();
      followers.push(follower);
      documents.push(await log.open(docId, follower));
    }
    // More than fits, in commits of a few entries. The bytes are random because LevelDB compresses.
    for (let i = 1; followers[0]?.failures.length === 0; i += 1) {
      for (const document of documents) document.append(randomBytes(20_000), 'me');
      await Promise.race([followers[1]?.durable(i), followers[1]?.dead()]);
      assert.ok(i < 1000, 'the disk never became full');
    }
    assert.equal(log.state, 'reopening');
    const acknowledged = followers.map(({ entries }) => entries);
    assert.ok((acknowledged[0]?.length ?? 0) > 20);

    const opened = changeTo(log, 'open');
    await rm(filler);
    await opened;
    for (const [i, docId] of ['a', 'b'].entries()) {
      const follower = new RecordingFollower();
      const document = await log.open(docId, follower);
      const found = document.stored.tail.map(({ update }) => Buffer.from(update));
      const expected = acknowledged[i]?.map(({ update }) => update as Buffer);
      assert.deepEqual(found.slice(0, expected?.length), expected);
      const { seq } = document.append(Uint8Array.of(1, 2, 3), 'me');
      await follower.durable(seq);
      await document.close();
      assert.equal((await log.open(docId, follower)).stored.tail.at(-1)?.seq, seq);
    }
  });

  test('with a reserve, becomes read-only before any write fails, and recovers', async (t) => {
    const disk = await smallDisk(t, 32 * mb);
    if (disk === null) return;
    const filler = join(disk, 'filler');
    await writeFile(filler, new Uint8Array(4 * mb));
    const log = await openIn(disk, 8 * mb);
    t.after(() => log.close());
    const follower = new RecordingFollower();
    const document = await log.open('a', follower);
    assert.equal(log.state, 'open');
    const states: string[] = [];
    log.onState((state) => states.push(state));
    const low = changeTo(log, 'read-only');
    const open = changeTo(log, 'open');
    await writeFile(filler, new Uint8Array(26 * mb));
    await low;
    assert.throws(() => document.append(new Uint8Array(1), 'me'), { code: 'LOG_READ_ONLY' });
    await rm(filler);
    await open;
    await follower.durable(document.append(new Uint8Array(1), 'me').seq);
    assert.deepEqual(states, ['read-only', 'open']);
  });
});

/** A separate file system in memory. Returns null and skips the test where mounting is not allowed. */
async function smallDisk(t: TestContext, bytes: number): Promise<string | null> {
  const folder = await mkdtemp(join(tmpdir(), 'quire-disk-'));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]);
  t.after(async () => {
    // Unmounted lazily, because a failed test may still have files open there.
    if (mounted.status === 0) spawnSync('umount', ['-l', folder]);
    await rmdir(folder);
  });
  if (mounted.status === 0) return folder;
  t.skip('mounting a file system needs root');
  return null;
}

function openIn(disk: string, diskReserveBytes: number): Promise<LevelLog> {
  return LevelLog.open(
    {
      folder: join(disk, 'log'),
      commit: 'fsync',
      diskReserveBytes,
      compaction: { minTailBytes: Number.MAX_SAFE_INTEGER, tailToSnapshotRatio: 1, entryCostBytes: 0 },
    },
    { compact: new FakeCompact().compact },
  );
}

function changeTo(log: LevelLog, wanted: string): Promise<void> {
  const changed = new Promise<void>((resolve) => {
    log.onState((state) => {
      if (state === wanted) resolve();
    });
  });
  return within(guardMs, `state ${wanted}`, changed);
}
