import assert from 'node:assert/strict';
import { lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { DatabaseImage } from '../../../persistence/level/database-image.ts';
import { openDatabase, openImage } from '../../../persistence/level/database.ts';
import { LevelLog } from '../../../persistence/level/level-log.ts';
import type { RecordStore } from '../../../persistence/engine/record-store.ts';
import { verifyDocuments } from '../../../persistence/engine/verify-documents.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import { treeOf } from '../../support/folder-tree.ts';
import { randomOf } from '../../support/random.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { TextWriter } from '../../support/text-writer.ts';

const never = { minTailBytes: Number.MAX_SAFE_INTEGER, tailToSnapshotRatio: 1, entryCostBytes: 0 };
const all = { gte: Buffer.from('A'), lt: Buffer.from('Z') };
const held = { maxHeldTables: 1_000 };

function openLog(folder: string): Promise<LevelLog> {
  return LevelLog.open(
    { folder, commit: 'write', diskReserveBytes: 0, compaction: never },
    { compact: new FakeCompact().compact },
  );
}

/** Writes entries of random text, which LevelDB cannot compress. */
async function write(log: LevelLog, docIds: readonly string[], entries: number, random: () => number): Promise<void> {
  for (const docId of docIds) {
    const follower = new RecordingFollower();
    const document = await log.open(docId, follower);
    const text = (): string => Array.from({ length: 500 }, () => String.fromCharCode(33 + random() * 90)).join('');
    const first = document.stored.tail.length;
    for (let i = 1; i <= entries; i += 1) document.append(new TextWriter(first + i).type(text()), 'me');
    await follower.durable(first + entries);
    await document.close();
  }
}

function imageFolder(t: TestContext, name: string): string {
  const folder = join(tempFolder(t), name);
  mkdirSync(folder);
  return folder;
}

async function verified(image: DatabaseImage, folder: string): Promise<number> {
  const store = await openImage(image.folder, folder, {});
  try {
    await image.preventCompaction();
    return await documentsIn(store);
  } finally {
    await store.close();
    await image.close();
  }
}

async function documentsIn(store: RecordStore): Promise<number> {
  const { documents, damaged, unlisted } = await verifyDocuments(store, () => true);
  assert.deepEqual([damaged, unlisted], [[], null]);
  return documents;
}

function tables(lines: readonly string[]): string[] {
  return lines.flatMap((line) => /^\d+\.ldb/.exec(line) ?? []);
}

function bytesIn(folder: string): number {
  return readdirSync(folder)
    .map((name) => lstatSync(join(folder, name)))
    .reduce((sum, found) => (found.isFile() ? sum + found.size : sum), 0);
}

test('an image shows everything saved before it was taken, while the server writes and rewrites its tables', async (t) => {
  const random = randomOf(t).fraction;
  const folder = tempFolder(t);
  const log = await openLog(folder);
  await write(log, ['first'], 10, random);
  let saved = 1;
  const writeSome = async (round: number): Promise<void> => {
    for (let i = 0; i < 6; i += 1) {
      await write(log, [`document ${round} ${i}`], 400, random);
      saved += 1;
    }
  };
  const look = async (round: number): Promise<void> => {
    const before = saved;
    const image = await DatabaseImage.take(folder, imageFolder(t, String(round)), held);
    const documents = await verified(image, folder);
    assert.ok(documents >= before, `${documents} of ${before} documents`);
  };
  // Together these are more than LevelDB keeps in its log.
  for (let round = 0; round < 4; round += 1) await Promise.all([writeSome(round), look(round)]);
  await log.close();
});

test('a server can start while an image is being inspected, and files that it deletes remain in the image', async (t) => {
  const random = randomOf(t).fraction;
  const folder = tempFolder(t);
  for (let i = 0; i < 3; i += 1) {
    const log = await openLog(folder);
    await write(log, ['a', 'b'], 100, random);
    await log.close();
  }
  const before = treeOf(folder);
  const image = await DatabaseImage.take(folder, imageFolder(t, 'image'), held);
  assert.deepEqual(treeOf(folder), before);

  const server = await openDatabase(folder, { mayCreate: false });
  await server.reclaim(all);
  const left = tables(treeOf(folder));
  assert.ok(
    tables(before).every((table) => !left.includes(table)),
    'the server has replaced all tables',
  );
  assert.equal(await verified(image, folder), 2);
  assert.equal(await documentsIn(server), 2);
  await server.close();
});

test('tables are not copied into an image, even if LevelDB wants to rewrite them', async (t) => {
  const random = randomOf(t).fraction;
  const folder = tempFolder(t);
  for (let i = 0; i < 3; i += 1) {
    const log = await openLog(folder);
    await write(log, ['a', 'b'], 600, random);
    await log.close();
  }
  const image = await DatabaseImage.take(folder, imageFolder(t, 'image'), held);
  const store = await openImage(image.folder, folder, {});
  await image.preventCompaction();
  const bytes = bytesIn(image.folder);
  assert.ok(bytes < bytesIn(folder) / 2, `${bytes} of ${bytesIn(folder)} bytes`);
  await store.reclaim(all).catch(() => undefined);
  assert.equal(await documentsIn(store), 2);
  assert.ok(bytesIn(image.folder) < bytes + 10_000, `${bytesIn(image.folder)} bytes, ${bytes} before`);
  await store.close();
  await image.close();
});

test('if no descriptor is left for a table, an image links to the table by name', async (t) => {
  const random = randomOf(t).fraction;
  const folder = tempFolder(t);
  for (let i = 0; i < 3; i += 1) {
    const log = await openLog(folder);
    await write(log, ['a'], 20, random);
    await log.close();
  }
  const image = await DatabaseImage.take(folder, imageFolder(t, 'image'), { maxHeldTables: 1 });
  assert.equal(await verified(image, folder), 1);
});
