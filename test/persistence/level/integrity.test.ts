import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { CorruptDocumentError } from '../../../persistence/errors.ts';
import { DocumentKeys } from '../../../persistence/engine/keys.ts';
import { LevelLog } from '../../../persistence/level/level-log.ts';
import type { LevelDatabase } from '../../../persistence/level/level-store.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import { inDatabase } from '../../support/raw-database.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const keys = new DocumentKeys('victim');

/** The records of the document that the tests damage: a snapshot of two parts up to entry 2, and entries 3 to 5. */
const records = {
  meta: keys.meta,
  head: keys.head,
  'first entry': keys.entry(3),
  'middle entry': keys.entry(4),
};

suite('A document on disk', () => {
  for (const [name, key] of Object.entries(records)) {
    test(`is not served when any bit of its ${name} has flipped; others are`, async (t) => {
      const folder = await stored(t);
      const original = await inDatabase(folder, (database) => database.get(key));
      assert.ok(original);
      // One bit of each byte.
      for (let byte = 0; byte < original.length; byte += 1) {
        const flipped = Uint8Array.from(original);
        flipped[byte] = (original[byte] as number) ^ (1 << (byte % 8));
        await inDatabase(folder, (database) => database.put(key, flipped));
        await refused(folder);
        assert.deepEqual(await inDatabase(folder, (database) => database.get(key)), Buffer.from(flipped));
        if (byte > 40) break;
      }
      await inDatabase(folder, (database) => database.put(key, original));
      await served(folder);
    });

    test(`is not served when its ${name} is missing, truncated or under another key`, async (t) => {
      const folder = await stored(t);
      const original = await inDatabase(folder, (database) => database.get(key));
      assert.ok(original);
      const damages = [
        (database: LevelDatabase) => database.del(key),
        (database: LevelDatabase) => database.put(key, new Uint8Array(0)),
        (database: LevelDatabase) => database.put(key, original.subarray(0, original.length - 1)),
        (database: LevelDatabase) => database.put(key, original.subarray(0, 6)),
        async (database: LevelDatabase) =>
          database.put(key, (await database.get(keys.entry(5))) ?? assert.fail('There is no entry 5')),
      ];
      for (const damage of damages) {
        await inDatabase(folder, damage);
        await refused(folder);
      }
    });
  }

  test('opens when a piece of its snapshot is damaged, but that part cannot be read or compacted away', async (t) => {
    const folder = await stored(t);
    const key = keys.piece(2, 1);
    const original = await inDatabase(folder, (database) => database.get(key));
    assert.ok(original);
    const damages = [
      (database: LevelDatabase) => database.put(key, original.with(5, 99)),
      (database: LevelDatabase) => database.del(key),
    ];
    for (const damage of damages) {
      await inDatabase(folder, damage);
      const failures: unknown[] = [];
      const log = await LevelLog.open(optionsFor(folder, 1), {
        compact: new FakeCompact().compact,
        observer: { compactionFailed: ({ error }) => failures.push(error) },
      });
      const document = await log.open('victim', new RecordingFollower());
      document.forgetStored();
      const pinned = document.pin();
      assert.equal((await pinned?.read(0))?.length, 6);
      await assert.rejects(async () => pinned?.read(1), CorruptDocumentError);
      const other = new RecordingFollower();
      (await log.open('other', other)).append(new Uint8Array(20), 'me');
      await other.compactedTo(3);
      assert.equal(failures.length, 1);
      assert.ok(failures[0] instanceof CorruptDocumentError);
      await log.close();
    }
  });

  test('is not served as empty when it had only a snapshot and the head is missing', async (t) => {
    const folder = tempFolder(t);
    for (const docId of ['victim', 'other']) await append(folder, docId, 2, 10);
    await append(folder, 'other', 1, Number.MAX_SAFE_INTEGER);
    await inDatabase(folder, (database) => database.del(keys.head));
    await refused(folder);
  });

  test('is not served in an old state when its head is replaced with an older one', async (t) => {
    const folder = tempFolder(t);
    for (const docId of ['victim', 'other']) await append(folder, docId, 2, 10);
    const older = await inDatabase(folder, (database) => database.get(keys.head));
    for (const docId of ['victim', 'other']) await append(folder, docId, 2, 10);
    await append(folder, 'other', 1, Number.MAX_SAFE_INTEGER);
    await inDatabase(folder, (database) => database.put(keys.head, older ?? assert.fail('There is no head')));
    await refused(folder);
  });

  test('is not served as empty when only its meta record is left', async (t) => {
    const folder = tempFolder(t);
    await append(folder, 'victim', 1, Number.MAX_SAFE_INTEGER);
    await append(folder, 'other', 1, Number.MAX_SAFE_INTEGER);
    await inDatabase(folder, (database) => database.del(keys.entry(1)));
    await refused(folder);
  });

  test('is not served as empty when its first batch, with the meta record and the first entry, is lost', async (t) => {
    const folder = tempFolder(t);
    await append(folder, 'victim', 3, Number.MAX_SAFE_INTEGER);
    await append(folder, 'other', 1, Number.MAX_SAFE_INTEGER);
    await inDatabase(folder, (database) => database.batch().del(keys.meta).del(keys.entry(1)).write());
    await refused(folder);
  });
});

function optionsFor(folder: string, minTailBytes: number) {
  return {
    folder,
    commit: 'fsync',
    diskReserveBytes: 0,
    compaction: { minTailBytes, tailToSnapshotRatio: 0.1, entryCostBytes: 0 },
  } as const;
}

async function append(folder: string, docId: string, count: number, minTailBytes: number): Promise<void> {
  const fake = new FakeCompact();
  fake.partBytes = 6;
  const log = await LevelLog.open(optionsFor(folder, minTailBytes), { compact: fake.compact });
  const follower = new RecordingFollower();
  const document = await log.open(docId, follower);
  let last = 0;
  for (let i = 1; i <= count; i += 1) last = document.append(new Uint8Array(5).fill(i), 'me').seq;
  if (minTailBytes <= count * 5) await follower.compactedTo(last);
  await document.close();
  await log.close();
}

/** Two documents. */
async function stored(t: { after(end: () => Promise<void>): void }): Promise<string> {
  const folder = tempFolder(t);
  for (const docId of ['victim', 'other']) {
    await append(folder, docId, 2, 10);
    await append(folder, docId, 3, Number.MAX_SAFE_INTEGER);
  }
  await served(folder);
  return folder;
}

async function served(folder: string): Promise<void> {
  const log = await LevelLog.open(optionsFor(folder, Number.MAX_SAFE_INTEGER), { compact: new FakeCompact().compact });
  const { snapshot, tail } = (await log.open('victim', new RecordingFollower())).stored;
  assert.equal((snapshot?.seq ?? 0) + tail.length, 5);
  await log.close();
}

async function refused(folder: string): Promise<void> {
  const log = await LevelLog.open(optionsFor(folder, Number.MAX_SAFE_INTEGER), { compact: new FakeCompact().compact });
  for (let i = 0; i < 2; i += 1) {
    await assert.rejects(log.open('victim', new RecordingFollower()), (error) => {
      assert.ok(error instanceof CorruptDocumentError, String(error));
      assert.equal(error.docId, 'victim');
      return true;
    });
  }
  const other = await log.open('other', new RecordingFollower());
  assert.notEqual(other.stored.tail.length, 0);
  await log.close();
}
