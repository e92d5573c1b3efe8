import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { CorruptDocumentError, LogError } from '../../../../persistence/errors.ts';
import { openDatabase } from '../../../../persistence/level/database.ts';
import { StorageFault } from '../../../../persistence/level/storage-faults.ts';
import { LevelLog } from '../../../../persistence/level/level-log.ts';
import type { FailureReport } from '../../../../persistence/engine/log-observer.ts';
import { uncompress } from '../../../../persistence/level/recovery/snappy.ts';
import { checkTables } from '../../../../persistence/level/recovery/table-check.ts';
import type { TableDamage } from '../../../../persistence/level/recovery/table-check.ts';
import { verifyDocuments } from '../../../../persistence/engine/verify-documents.ts';
import type { RecordStore } from '../../../../persistence/engine/record-store.ts';
import { FakeCompact } from '../../../support/fake-compact.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { randomOf } from '../../../support/random.ts';
import { RecordingFollower } from '../../../support/recording-follower.ts';
import {
  copyOf,
  makeDatabase,
  openInChild,
  partsOf,
  storedDocuments,
  tablesIn,
} from '../../../support/stored-tables.ts';
import type { TableParts } from '../../../support/stored-tables.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { TextWriter } from '../../../support/text-writer.ts';
import { flipAndOpen } from './damaged-tables.ts';

const documents = Object.keys(storedDocuments);
const never = { minTailBytes: Number.MAX_SAFE_INTEGER, tailToSnapshotRatio: 1, entryCostBytes: 0 };

let original: string;
/** The newer table, which holds entries of all documents, and the offsets of its parts. */
let table: string;
let parts: TableParts;

before(async (t) => {
  original = join(tempFolder(t as TestContext), 'documents');
  await makeDatabase(original);
  table = tablesIn(original).at(-1)!;
  parts = partsOf(join(original, table));
});

/** A copy of the database with damage to the table. */
function damaged(t: TestContext, damage: (path: string) => void): string {
  const folder = copyOf(original, join(tempFolder(t), 'documents'));
  damage(join(folder, table));
  return folder;
}

function flip(at: number): (path: string) => void {
  return (path) => {
    const bytes = readFileSync(path);
    bytes[at]! ^= 1;
    writeFileSync(path, bytes);
  };
}

/** An offset in a block with entries of only one document. */
function inVictim(): number {
  return parts.filter >>> 1;
}

async function damageIn(folder: string): Promise<readonly TableDamage[]> {
  return (await checkTables(folder, { maxBytes: Infinity })).damage;
}

/** The content of all files by name. */
function contentOf(folder: string): ReadonlyMap<string, string> {
  const files = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(files.map(({ name }) => [name, readFileSync(join(folder, name), 'latin1')]));
}

async function refusalOf(folder: string): Promise<string> {
  const before = contentOf(folder);
  const error: unknown = await openDatabase(folder, { mayCreate: true, containDamage: () => {} }).then(
    () => assert.fail('It was opened'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof LogError && error.code === 'LOG_DAMAGED', String(error));
  assert.deepEqual(contentOf(folder), before, 'nothing is changed');
  return error.message;
}

async function openLog(folder: string, options: { readonly maxCheckBytes?: number } = {}) {
  const failures: FailureReport[] = [];
  const unchecked: { tables: number; bytes: number }[] = [];
  const log = await LevelLog.open(
    { folder, commit: 'write', diskReserveBytes: 0, compaction: never, ...options },
    {
      compact: new FakeCompact().compact,
      observer: {
        failed: (failure) => failures.push(failure),
        leftUnchecked: (left) => unchecked.push(left),
      },
    },
  );
  return { log, failures, unchecked };
}

type Damaged = readonly [part: TableDamage['part'], offset: number];

/** Kinds of damage, with the part and the offset that the check reports. */
const regions: Readonly<Record<string, readonly [(path: string) => void, () => Damaged | null]>> = {
  'the first record': [(path) => flip(4)(path), () => ['data', 0]],
  'the compression of a block': [(path) => flip(parts.firstBlockEnd)(path), () => ['data', 0]],
  'the checksum of a block': [(path) => flip(parts.firstBlockEnd + 2)(path), () => ['data', 0]],
  'the restart points of a block': [(path) => flip(parts.firstBlockEnd - 6)(path), () => ['data', 0]],
  'the filter': [(path) => flip(parts.metaindex - 10)(path), () => ['filter', parts.filter]],
  'the checksum of the filter': [(path) => flip(parts.metaindex - 1)(path), () => ['filter', parts.filter]],
  'the metaindex': [(path) => flip(parts.metaindex + 5)(path), () => ['filter', parts.metaindex]],
  'the index': [(path) => flip(parts.index + 9)(path), () => ['table', parts.index]],
  'the checksum of the index': [(path) => flip(parts.footer - 1)(path), () => ['table', parts.index]],
  'the magic number of the footer': [(path) => flip(parts.footer + 47)(path), () => ['table', parts.footer]],
  'the padding of the footer, which has no meaning': [(path) => flip(parts.footer + 30)(path), () => null],
  'a file that is cut short': [(path) => truncateSync(path, 5_000), () => ['table', 5_000]],
  'an empty file': [(path) => truncateSync(path, 0), () => ['table', 0]],
  'a missing file': [(path) => rmSync(path), () => ['table', 0]],
  'bytes after the table, which LevelDB never reads': [
    (path) => writeFileSync(path, 'more', { flag: 'a' }),
    () => null,
  ],
};

suite('The check of tables', () => {
  for (const [region, [damage, expected]] of Object.entries(regions)) {
    test(`judges ${region}`, async (t) => {
      const found = await damageIn(damaged(t, damage));
      const [part, offset] = expected() ?? [];
      assert.deepEqual(
        found.map((bad) => [bad.file, bad.part, bad.offset]),
        part === undefined ? [] : [[table, part, offset]],
      );
    });
  }

  test('finds every flipped bit that LevelDB would read (I8)', async (t) => {
    const random = randomOf(t);
    const folder = copyOf(original, join(tempFolder(t), 'documents'));
    const path = join(folder, table);
    // The bytes after these are the padding of the footer.
    const places = [...Array.from({ length: 150 }, () => random.below(parts.footer)), parts.footer, parts.footer + 2];
    for (const at of places) {
      const bytes = Buffer.from(parts.bytes);
      bytes[at]! ^= 1 << random.below(8);
      writeFileSync(path, bytes);
      assert.equal((await damageIn(folder)).length, 1, `byte ${at}`);
    }
  });

  test('skips older tables beyond the limit, and reports how many', async () => {
    const [older, newer] = tablesIn(original).map((file) => readFileSync(join(original, file)).length);
    const check = await checkTables(original, { maxBytes: newer! });
    assert.deepEqual(check.unchecked, { tables: 1, bytes: older });
    assert.deepEqual((await checkTables(original, { maxBytes: Infinity })).unchecked, { tables: 0, bytes: 0 });
  });

  test('does not report a table that cannot be opened as damaged', async (t) => {
    const folder = damaged(t, (path) => {
      rmSync(path);
      symlinkSync(path, path);
    });
    await assert.rejects(openDatabase(folder, { mayCreate: true, acceptDamage: () => {} }), (error) => {
      assert.ok(error instanceof StorageFault && error.fault === 'link-loop', String(error));
      assert.ok(error.message.includes(`${table} is a symbolic link that leads nowhere`), error.message);
      return true;
    });
  });
});

suite('A database with a damaged table', () => {
  test('serves or refuses each document for any flipped bit, even after LevelDB has rewritten the table (I1, I6, I8)', async (t) => {
    await flipAndOpen(t, { flips: 12 });
  });

  test('does not end the process on a key that is too short for LevelDB (I6)', async (t) => {
    const folder = damaged(t, (path) => {
      const bytes = readFileSync(path);
      const size = parts.firstBlockEnd;
      // One entry with a key of 3 bytes, and one restart point; not compressed.
      const valueBytes = size - 15;
      const header = [0, 3, (valueBytes & 127) + 128, valueBytes >>> 7];
      bytes.fill(0, 0, size + 1);
      bytes.set([...header, ...Buffer.from('abc')]);
      bytes.writeUInt32LE(1, size - 4);
      writeFileSync(path, bytes);
    });
    const [opened] = await openInChild('refuse', [folder]);
    assert.equal(opened!.documents['a'], 'damaged');
    assert.notEqual(opened!.documents['victim'], 'damaged');
    assert.deepEqual(opened!.afterwards, opened!.documents);
  });

  test('keeps a copy of the table, serves the other documents, and reports this at each start (I6, I8)', async (t) => {
    const folder = damaged(t, flip(inVictim()));
    const before = readFileSync(join(folder, table));
    const reports: string[] = [];
    for (let start = 0; start < 2; start += 1) {
      const { log, failures } = await openLog(folder);
      const opened = await Promise.allSettled(documents.map((docId) => log.open(docId, new RecordingFollower())));
      assert.deepEqual(
        opened.map(({ status }) => status),
        ['fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
      );
      assert.deepEqual(
        failures.map(({ during }) => during),
        ['recovery'],
      );
      await assert.rejects(log.delete('victim', []), CorruptDocumentError);
      reports.push((failures[0]!.error as Error).message);
      await log.close();
    }
    const [first, second] = reports;
    assert.match(
      first!,
      new RegExp(`${table} is damaged at byte \\d+: the checksum of a block is wrong.*the document "victim".*kept as`),
    );
    assert.match(second!, new RegExp(`lost at an earlier start .*${table}`));
    assert.deepEqual(readFileSync(join(folder, `${table}.damaged`)), before);
  });

  test('loses nothing if only a filter is damaged', async (t) => {
    const folder = damaged(t, flip(parts.metaindex - 10));
    const reports: string[] = [];
    const store = await openDatabase(folder, {
      mayCreate: false,
      containDamage: ({ message }) => reports.push(message),
    });
    const found = await verifyDocuments(store, () => true);
    await store.close();
    assert.deepEqual([found.documents, found.damaged], [documents.length, []]);
    assert.match(reports[0]!, /filter is wrong\. Nothing is lost/);
  });

  test('is refused if a table is unusable as a whole, until the operator accepts the loss (I8)', async (t) => {
    const damages = [(path: string) => rmSync(path), flip(parts.index + 9), flip(parts.footer + 47)];
    const folders = damages.map((damage) => damaged(t, damage));
    for (const folder of folders) {
      assert.match(
        await refusalOf(folder),
        new RegExp(`${table} is damaged.*Nothing was changed.*--accept-damaged-log`),
      );
    }
    const accepted = await openInChild('accept', folders);
    const later = await openInChild('refuse', folders);
    for (const [i, { refused, reports, documents: contents }] of accepted.entries()) {
      assert.equal(refused, null);
      assert.match(reports[0]!, /Documents that may have records there are refused/);
      // The table may hold entries of each document.
      for (const content of Object.values(contents)) assert.equal(content, 'damaged');
      assert.deepEqual([later[i]!.refused, later[i]!.documents], [null, contents]);
    }
  });

  test('is refused and left unchanged if it is opened only for inspection', async (t) => {
    const folder = damaged(t, flip(inVictim()));
    const before = contentOf(folder);
    await assert.rejects(openDatabase(folder, { mayCreate: false }), (error) => {
      assert.ok(error instanceof LogError && error.code === 'LOG_DAMAGED', String(error));
      assert.match(
        error.message,
        /Nothing was changed\. Restore a backup, and check the disk\. The server starts nevertheless/,
      );
      return true;
    });
    assert.deepEqual(contentOf(folder), before);
  });

  test('lists the readable documents, and names the others', async (t) => {
    const folder = damaged(t, flip(inVictim()));
    const store = await openDatabase(folder, { mayCreate: false, containDamage: () => {} });
    const found = await verifyDocuments(store, () => true);
    await store.close();
    assert.deepEqual([found.documents, found.damaged.map(({ docId }) => docId)], [documents.length, ['victim']]);
    assert.match(found.damaged[0]!.message, new RegExp(`${table} was damaged at byte \\d+`));
  });

  test('is refused if the list of lost ranges is damaged', async (t) => {
    const folder = damaged(t, flip(inVictim()));
    await (await openDatabase(folder, { mayCreate: false, containDamage: () => {} })).close();
    const path = join(folder, 'DAMAGED');
    const list = readFileSync(path);
    for (let at = 0; at < list.length; at += 7) {
      const bytes = Buffer.from(list);
      bytes[at]! ^= 2;
      writeFileSync(path, bytes);
      assert.match(await refusalOf(folder), /DAMAGED is damaged/);
    }
  });

  test('is contained when LevelDB finds the damage in an unchecked table, and writing works again (I8)', async (t) => {
    // The block is no longer compressed data, so LevelDB itself refuses to read it.
    const folder = damaged(t, (path) => {
      const bytes = readFileSync(path);
      bytes[parts.firstBlockEnd] = 7;
      writeFileSync(path, bytes);
    });
    const clock = new ManualClock();
    const failures: FailureReport[] = [];
    const stores: RecordStore[] = [];
    const log = await LevelLog.open(
      { folder, commit: 'write', diskReserveBytes: 0, compaction: never, maxCheckBytes: 0 },
      {
        compact: new FakeCompact().compact,
        clock,
        observer: { failed: (failure) => failures.push(failure) },
        wrapStore: (store) => {
          stores.push(store);
          return store;
        },
      },
    );
    // The compaction fails, and with it each later write.
    await stores[0]!.reclaim({ gte: Buffer.of(0), lt: Buffer.of(255) });
    const follower = new RecordingFollower();
    (await log.open('a new document', follower)).append(new TextWriter(9).type('x'), 'me');
    await follower.dead();
    await clock.waiting(100);
    const open = new Promise<void>((resolve) => {
      log.onState((state) => state === 'open' && resolve());
    });
    clock.advance(100);
    await open;
    assert.match(String(failures.find(({ during }) => during === 'recovery')?.error), /checksum of a block is wrong/);
    await stores[1]!.reclaim({ gte: Buffer.of(0), lt: Buffer.of(255) });
    const again = new RecordingFollower();
    (await log.open('a new document', again)).append(new TextWriter(9).type('x'), 'me');
    await again.durable(1);
    await assert.rejects(log.open('a', new RecordingFollower()), CorruptDocumentError);
    await log.close();
  });

  test('is left unchanged while another process uses it', async (t) => {
    const folder = damaged(t, flip(inVictim()));
    const before = contentOf(folder);
    const child = fork(join(import.meta.dirname, '../../../support/lock-child.js'), [folder]);
    t.after(() => child.kill());
    await once(child, 'message');
    await assert.rejects(openDatabase(folder, { mayCreate: true, containDamage: () => {} }), (error) => {
      assert.ok(error instanceof LogError && error.code === 'LOG_LOCKED', String(error));
      return true;
    });
    for (const [file, content] of before) assert.equal(contentOf(folder).get(file), content);
  });
});

function text(...bytes: number[]): string {
  return Buffer.from(uncompress(Uint8Array.from(bytes))).toString();
}

test('Snappy: literals and copies of each kind, and nothing out of range', () => {
  assert.equal(text(3, 0x08, 97, 98, 99), 'abc');
  // Copies of four or more bytes from up to 2,047 bytes back. They may overlap their own output.
  assert.equal(text(9, 0x00, 97, 0x11, 1), 'a'.repeat(9));
  assert.equal(text(6, 0x08, 97, 98, 99, 0x0a, 3, 0), 'abcabc');
  assert.equal(text(6, 0x08, 97, 98, 99, 0x0b, 3, 0, 0, 0), 'abcabc');
  assert.equal(text(61, 0xf0, 60, ...Array.from({ length: 61 }, () => 98)), 'b'.repeat(61));
  const bad = [[], [3], [3, 0x08, 97], [2, 0x08, 97, 98, 99], [9, 0x11, 1], [9, 0, 97, 0x11, 2], [9, 0, 97, 0x11, 0]];
  for (const bytes of [...bad, [255, 255, 255, 255, 15, 0, 97], [255, 255, 255, 255, 255, 255]]) {
    assert.throws(() => uncompress(Uint8Array.from(bytes)), RangeError, String(bytes));
  }
});
