import assert from 'node:assert/strict';
import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { CorruptDocumentError, DamagedStoreError, LogError } from '../../../../persistence/errors.ts';
import { DocumentKeys } from '../../../../persistence/engine/keys.ts';
import { LevelLog } from '../../../../persistence/level/level-log.ts';
import { LevelStore } from '../../../../persistence/level/level-store.ts';
import type { LevelDatabase } from '../../../../persistence/level/level-store.ts';
import type { DocumentLog } from '../../../../persistence/update-log.ts';
import { openDatabase } from '../../../../persistence/level/database.ts';
import { verifyDocuments } from '../../../../persistence/engine/verify-documents.ts';
import { toRefusal } from '../../../../server/errors.ts';
import { FakeCompact } from '../../../support/fake-compact.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { inDatabase } from '../../../support/raw-database.ts';
import { RecordingFollower } from '../../../support/recording-follower.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { TextWriter } from '../../../support/text-writer.ts';

const never = { minTailBytes: Number.MAX_SAFE_INTEGER, tailToSnapshotRatio: 1, entryCostBytes: 0 };
const docIds = ['a', 'victim', 'z'];
const flips = 48;
const victimEntries = 150;

suite('A damaged table of LevelDB', () => {
  test(`prevents one document from being served, with 4503, and no other: ${flips} flipped bits (I6, I8)`, async (t) => {
    const { folder, table } = await databaseWithTable(t);
    const original = readFileSync(join(folder, table));
    // Only in blocks with the victim's entries. The blocks before and after them belong to the other documents.
    const start = original.length * 0.3;
    let unreadable = 0;
    let harmless = 0;
    for (let i = 0; i < flips; i += 1) {
      const copy = tempFolder(t);
      cpSync(folder, copy, { recursive: true });
      const bytes = Buffer.from(original);
      bytes[Math.floor(start + (i * original.length * 0.4) / flips)]! ^= 1 << (i % 8);
      writeFileSync(join(copy, table), bytes);
      const errors = await open(copy, async (log) => {
        const found: unknown[] = [];
        for (const docId of docIds) found.push(await log.open(docId, new RecordingFollower()).catch((error) => error));
        return found;
      });
      const error = errors[1];
      // The bit is in the checksum of a block, which LevelDB does not verify.
      if (!(error instanceof Error)) {
        assert.equal((error as DocumentLog).stored.tail.length, victimEntries);
        harmless += 1;
        continue;
      }
      assert.ok(error instanceof CorruptDocumentError, String(error));
      assert.equal(error.docId, 'victim');
      assert.equal(toRefusal(error).code, 'document-corrupt');
      if (error.cause instanceof DamagedStoreError) unreadable += 1;
      for (const other of [errors[0], errors[2]]) assert.ok(!(other instanceof Error), String(other));
      const store = await openDatabase(copy, { mayCreate: false });
      const { documents, damaged } = await verifyDocuments(store, () => true);
      await store.close();
      assert.deepEqual([documents, damaged.map(({ docId }) => docId)], [3, ['victim']]);
    }
    assert.ok(unreadable > 0, 'some flips make LevelDB itself refuse the block');
    assert.ok(harmless < 5, `${harmless} harmless flips`);
  });

  test('does not let an unreadable document be deleted in part', async (t) => {
    const { folder, table } = await databaseWithTable(t);
    const path = join(folder, table);
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.fill(0xff, Math.floor(bytes.length * 0.4), Math.floor(bytes.length * 0.6)));
    await open(folder, async (log) => {
      await assert.rejects(log.delete('victim', []), CorruptDocumentError);
      await assert.rejects(log.open('victim', new RecordingFollower()), CorruptDocumentError);
    });
  });
});

suite('LevelStore', () => {
  const { meta } = new DocumentKeys('a');
  const range = { gte: meta, lt: Buffer.from('Z') };

  test('reports for every read whether the table is damaged or the disk has failed', async () => {
    const cases = [
      ['LEVEL_CORRUPTION', DamagedStoreError],
      ['LEVEL_IO_ERROR', LogError],
      ['LEVEL_DATABASE_NOT_OPEN', Error],
    ] as const;
    for (const [code, type] of cases) {
      const store = new LevelStore(failing(code));
      const reads = [
        () => store.getMany([meta]),
        async () => (await store.scanValues(range)[Symbol.asyncIterator]().next()).value as unknown,
        async () => (await store.scanValuesBackwards(range)[Symbol.asyncIterator]().next()).value as unknown,
        async () => (await store.scanKeys(range)[Symbol.asyncIterator]().next()).value as unknown,
      ];
      for (const read of reads) {
        await assert.rejects(read, (error) => {
          assert.equal((error as Error).constructor, type);
          if (error instanceof LogError) assert.equal(toRefusal(error).code, 'storage-unavailable');
          return true;
        });
      }
    }
  });
});

/** A database in which every read fails. */
function failing(code: string): LevelDatabase {
  const fail = (): Promise<never> => Promise.reject(Object.assign(new Error('as LevelDB says it'), { code }));
  const iterator = (): unknown => ({ nextv: fail, close: () => Promise.resolve() });
  return { getMany: fail, iterator, keys: iterator } as unknown as LevelDatabase;
}

async function open<T>(folder: string, use: (log: LevelLog) => Promise<T>): Promise<T> {
  const log = await LevelLog.open(
    { folder, commit: 'write', diskReserveBytes: 0, compaction: never },
    { compact: new FakeCompact().compact, clock: new ManualClock() },
  );
  try {
    return await use(log);
  } finally {
    await log.close();
  }
}

/** Three documents in one table, most of which belongs to the victim. Its bytes are the same in every run. */
async function databaseWithTable(t: TestContext): Promise<{ folder: string; table: string }> {
  const folder = tempFolder(t);
  await open(folder, async (log) => {
    for (const docId of docIds) {
      const follower = new RecordingFollower();
      const document = await log.open(docId, follower);
      const entries = docId === 'victim' ? victimEntries : 20;
      for (let i = 1; i <= entries; i += 1)
        document.append(new TextWriter(i).type(`${docId} ${i} of a text that compresses. `.repeat(9)), 'me');
      await follower.durable(entries);
    }
  });
  await inDatabase(folder, (database) =>
    new LevelStore(database).reclaim({ gte: Buffer.from('A'), lt: Buffer.from('Z') }),
  );
  const table = readdirSync(folder).find((file) => file.endsWith('.ldb')) ?? assert.fail('There is no table');
  return { folder, table };
}
