import assert from 'node:assert/strict';
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { LogError } from '../../../../persistence/errors.ts';
import { openDatabase } from '../../../../persistence/level/database.ts';
import { LevelLog } from '../../../../persistence/level/level-log.ts';
import type { FailureReport } from '../../../../persistence/engine/log-observer.ts';
import { checkRecordFile } from '../../../../persistence/level/recovery/record-file.ts';
import type { CheckedFile, RecordCheck } from '../../../../persistence/level/recovery/record-file.ts';
import { checkRecovery } from '../../../../persistence/level/recovery/recovery-check.ts';
import { verifyDocuments } from '../../../../persistence/engine/verify-documents.ts';
import { FakeCompact } from '../../../support/fake-compact.ts';
import { FaultStore } from '../../../support/fault-store.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { inDatabase } from '../../../support/raw-database.ts';
import { RecordingFollower } from '../../../support/recording-follower.ts';
import { tempFolder } from '../../../support/temp-folder.ts';
import { TextWriter } from '../../../support/text-writer.ts';

const never = { minTailBytes: Number.MAX_SAFE_INTEGER, tailToSnapshotRatio: 1, entryCostBytes: 0 };
const blockBytes = 32 * 1024;

/** A fragment in a log written by LevelDB. */
interface Fragment {
  readonly at: number;
  readonly type: number;
  readonly end: number;
}

/** The log of small batches, a batch of 100 KB, and small batches again. */
let log: Buffer;
let fragments: readonly Fragment[];

before(async (t) => {
  const folder = tempFolder(t as TestContext);
  await inDatabase(folder, async (database) => {
    const put = (name: string, bytes: number): Promise<void> =>
      database.put(Buffer.from(name), Buffer.alloc(bytes, `content of ${name} `), { sync: true });
    for (let i = 0; i < 40; i += 1) await put(`first ${i}`, 1000 + i);
    await put('large', 100_000);
    for (let i = 0; i < 40; i += 1) await put(`second ${i}`, 1000 + i);
  });
  log = readFileSync(join(folder, logIn(folder)));
  fragments = fragmentsOf(log);
});

function logIn(folder: string): string {
  return readdirSync(folder).find((file) => file.endsWith('.log')) ?? assert.fail('There is no log');
}

function fragmentsOf(bytes: Buffer): Fragment[] {
  const found: Fragment[] = [];
  for (let at = 0; at < bytes.length;) {
    const blockEnd = at - (at % blockBytes) + blockBytes;
    if (blockEnd - at < 7) {
      at = blockEnd;
      continue;
    }
    const end = at + 7 + bytes.readUInt16LE(at + 4);
    found.push({ at, type: bytes[at + 6]!, end });
    at = end;
  }
  return found;
}

function sequenceOf(batch: Uint8Array): number {
  return Number(Buffer.from(batch).readBigUInt64LE(0));
}

/** Orders batches by their sequence numbers, as the check of a database does. */
function lenient(): RecordCheck {
  let next = 0;
  return {
    record(batch) {
      next = sequenceOf(batch) + 1;
      return null;
    },
    isPlausible: (batch) => batch.length >= 12 && sequenceOf(batch) >= next,
    pause: () => Promise.resolve(),
  };
}

function check(bytes: Uint8Array): Promise<CheckedFile> {
  return checkRecordFile(bytes, lenient());
}

const positions: Readonly<Record<string, () => Fragment>> = {
  'the first record': () => fragments[0]!,
  'a record in the middle of a block': () => fragments[7]!,
  'the last record of a block': () => fragments.findLast(({ at, type }) => type === 1 && at < blockBytes)!,
  'the first fragment of a large record': () => fragments.find(({ type }) => type === 2)!,
  'a middle fragment': () => fragments.find(({ type }) => type === 3)!,
  'the last fragment of a large record': () => fragments.find(({ type, end, at }) => type === 4 && end - at > 50)!,
  'the first record that begins in the last block': () =>
    fragments.find(({ at, type }) => type === 1 && at > log.length - (log.length % blockBytes))!,
  'the last record but one': () => fragments.at(-2)!,
  'the last record': () => fragments.at(-1)!,
};

const kinds: Readonly<Record<string, (bytes: Buffer, fragment: Fragment) => void>> = {
  'a flipped bit of the checksum': (bytes, { at }) => flip(bytes, at + 1, 3),
  'a length that is a little too large': (bytes, { at }) => bytes.writeUInt16LE(bytes.readUInt16LE(at + 4) + 1, at + 4),
  'a length that is a little too small': (bytes, { at }) => bytes.writeUInt16LE(bytes.readUInt16LE(at + 4) - 1, at + 4),
  'a length beyond the block': (bytes, { at }) => flip(bytes, at + 5, 7),
  'a flipped type': (bytes, { at }) => flip(bytes, at + 6, 1),
  'a type that does not exist': (bytes, { at }) => flip(bytes, at + 6, 6),
  'a flipped bit of the first byte': (bytes, { at }) => flip(bytes, at + 7, 0),
  'a flipped bit in the middle': (bytes, { at, end }) => flip(bytes, (at + end) >>> 1, 5),
  'a flipped bit of the last byte': (bytes, { end }) => flip(bytes, end - 1, 7),
  'content of something else': (bytes, { at, end }) => bytes.fill('another file ', at, end),
};

function flip(bytes: Buffer, at: number, bit: number): void {
  bytes[at]! ^= 1 << bit;
}

suite('The check of a record file', () => {
  for (const [position, fragmentAt] of Object.entries(positions)) {
    for (const [kind, plant] of Object.entries(kinds)) {
      test(`finds ${kind} in ${position} (I8)`, async () => {
        const fragment = fragmentAt();
        const bytes = Buffer.from(log);
        plant(bytes, fragment);
        const { damage } = await check(bytes);
        assert.equal(damage?.offset, fragment.at);
        const later = fragments.filter(({ at, type }) => at > fragment.at && (type === 1 || type === 2)).length;
        assert.equal(damage?.laterRecords, later);
      });
    }
  }

  test('finds a record of zeros before others, but takes zeros at the end for unwritten space', async () => {
    for (const fragment of fragments) {
      const bytes = Buffer.from(log).fill(0, fragment.at, fragment.end);
      const { damage, isTorn } = await check(bytes);
      const last = fragment === fragments.at(-1);
      assert.equal(damage?.offset, last ? undefined : fragment.at);
      assert.equal(isTorn, last);
    }
  });

  test('finds every flipped bit in the last three records and in the first two', async () => {
    for (const { at, end } of [...fragments.slice(0, 2), ...fragments.slice(-3)]) {
      for (let byte = at; byte < end; byte += byte < at + 30 ? 1 : 61) {
        for (let bit = 0; bit < 8; bit += 1) {
          const bytes = Buffer.from(log.subarray(byte < blockBytes ? 0 : log.length - (log.length % blockBytes)));
          flip(bytes, byte < blockBytes ? byte : byte % blockBytes, bit);
          assert.notEqual((await check(bytes)).damage, null, `bit ${bit} of byte ${byte}`);
        }
      }
    }
  });

  test('accepts a log cut off at any point as torn by a crash, even with unwritten space after it', async () => {
    // In two small records, and around the start of each fragment of the large records.
    const blocks = fragments.filter(({ type }) => type !== 1).map(({ at }) => at);
    const cuts = [...range(fragments[1]!.at, fragments[3]!.at), ...blocks.flatMap((at) => range(at - 9, at + 30))];
    for (const cut of cuts) {
      const bytes = log.subarray(0, cut);
      assert.equal((await check(bytes)).damage, null, `cut at ${cut}`);
      for (const zeros of [8, 4096, blockBytes]) {
        const padded = Buffer.concat([bytes, Buffer.alloc(zeros)]);
        assert.equal((await check(padded)).damage, null, `cut at ${cut}, ${zeros} zeros`);
      }
    }
  });

  test('accepts unwritten sectors in the last record as the result of a power cut', async () => {
    const last = fragments.at(-1)!;
    for (let sector = Math.ceil(last.at / 512) * 512; sector + 512 <= last.end; sector += 512) {
      const { damage, isTorn } = await check(Buffer.from(log).fill(0, sector, sector + 512));
      assert.deepEqual([damage, isTorn], [null, true]);
    }
    const middle = fragments.find(({ type }) => type === 3)!;
    const end = fragments.find(({ at, type }) => at > middle.at && type === 4)!.end;
    const bytes = Buffer.from(log.subarray(0, end)).fill(0, middle.at + 512, middle.at + 4096);
    assert.equal((await check(bytes)).damage, null);
  });
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

suite('A database with damaged files', () => {
  test('is refused for a flipped bit anywhere in its log and stays unchanged; undamaged it opens (I1, I8)', async (t) => {
    const { folder } = await twelveDocuments(t);
    const path = join(folder, logIn(folder));
    const original = readFileSync(path);
    for (let byte = 0; byte < original.length; byte += 97) {
      const bytes = Buffer.from(original);
      flip(bytes, byte, byte % 8);
      writeFileSync(path, bytes);
      const before = contentOf(folder);
      await assert.rejects(openDatabase(folder, { mayCreate: true }), damagedLog);
      assert.deepEqual(contentOf(folder), before);
    }
    writeFileSync(path, original);
    await (await openDatabase(folder, { mayCreate: true })).close();
  });

  test('opens when a crash has cut off the end of its log at any point, or left it unwritten (I1)', async (t) => {
    const { folder, docIds } = await twelveDocuments(t);
    const path = join(folder, logIn(folder));
    const original = readFileSync(path);
    const last = fragmentsOf(original).at(-1)!;
    for (let cut = last.at; cut < original.length; cut += 29) {
      const copy = tempFolder(t);
      cpSync(folder, copy, { recursive: true });
      const bytes = original.subarray(0, cut);
      writeFileSync(join(copy, logIn(copy)), cut % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.alloc(4096)]));
      const store = await openDatabase(copy, { mayCreate: false });
      const { documents, damaged } = await verifyDocuments(store, () => true);
      assert.deepEqual([documents, damaged], [docIds.length - 1, []]);
      await store.close();
    }
  });

  test('is refused when a log is missing, or ends before the next one begins', async (t) => {
    const { folder } = await twelveDocuments(t);
    const file = logIn(folder);
    const original = readFileSync(join(folder, file));
    rmSync(join(folder, file));
    await assert.rejects(openDatabase(folder, { mayCreate: true }), damagedLog);

    // The state after a crash while LevelDB writes a table from the older log.
    const cuts = fragmentsOf(original);
    const half = cuts[Math.floor(cuts.length / 2)]!.at;
    const next = `${String(Number.parseInt(file, 10) + 20).padStart(6, '0')}.log`;
    writeFileSync(join(folder, file), original.subarray(0, half));
    writeFileSync(join(folder, next), shifted(original, half));
    assert.equal((await checkRecovery(folder)).damage, null);
    writeFileSync(join(folder, file), original.subarray(0, half - 3));
    assert.deepEqual((await checkRecovery(folder)).damage?.file, next);
    assert.match((await checkRecovery(folder)).damage?.reason ?? '', /changes before it are missing/);
  });

  test('is refused for a flipped bit anywhere in MANIFEST and CURRENT (I1)', async (t) => {
    const { folder } = await twelveDocuments(t);
    for (const file of readdirSync(folder).filter((name) => /MANIFEST|CURRENT/.test(name))) {
      const path = join(folder, file);
      const original = readFileSync(path);
      for (let byte = 0; byte < original.length; byte += 1) {
        const bytes = Buffer.from(original);
        flip(bytes, byte, byte % 8);
        writeFileSync(path, bytes);
        await assert.rejects(openDatabase(folder, { mayCreate: true }), (error) => {
          assert.ok(error instanceof LogError && error.code === 'LOG_DAMAGED', String(error));
          assert.doesNotMatch(error.message, /--accept-damaged-log/);
          return true;
        });
      }
      writeFileSync(path, original);
    }
    await (await openDatabase(folder, { mayCreate: true })).close();
  });

  test('opens when the operator accepts the loss, reports it, and keeps a copy of the damaged files', async (t) => {
    const { folder, docIds } = await twelveDocuments(t);
    const path = join(folder, logIn(folder));
    const bytes = readFileSync(path);
    flip(bytes, bytes.length >>> 1, 2);
    writeFileSync(path, bytes);
    const failures: FailureReport[] = [];
    const log = await LevelLog.open(
      { folder, commit: 'fsync', diskReserveBytes: 0, compaction: never, acceptDamagedLog: true },
      { compact: new FakeCompact().compact, observer: { failed: (failure) => failures.push(failure) } },
    );
    assert.equal((await log.open(docIds[0]!, new RecordingFollower())).stored.tail.length, 1);
    await log.close();
    assert.deepEqual(
      failures.map(({ during }) => during),
      ['recovery'],
    );
    const [, copy] = /are kept in (.*)\.$/.exec((failures[0]!.error as Error).message) ?? [];
    assert.ok(copy !== undefined && copy.startsWith(`${folder}-damaged-`));
    assert.deepEqual(readFileSync(join(copy, logIn(copy))), bytes);
  });

  test('is refused when it reopens after a failed write, even if the operator accepted the first loss', async (t) => {
    const { folder, docIds } = await twelveDocuments(t);
    const faults = new FaultStore();
    const clock = new ManualClock();
    const failures: FailureReport[] = [];
    const log = await LevelLog.open(
      { folder, commit: 'fsync', diskReserveBytes: 0, compaction: never, acceptDamagedLog: true },
      {
        compact: new FakeCompact().compact,
        clock,
        observer: { failed: (failure) => failures.push(failure) },
        wrapStore: (store) => ({
          ...faults.wrap(store),
          close: async () => {
            await store.close();
            if (failures.length > 1) return;
            const path = join(folder, logIn(folder));
            const bytes = readFileSync(path);
            flip(bytes, 20, 2);
            writeFileSync(path, bytes);
          },
        }),
      },
    );
    const sound = new RecordingFollower();
    const document = await log.open(docIds[0]!, sound);
    document.append(new TextWriter(2).type('7'), 'me');
    await sound.durable(2);
    faults.fail(new Error('no space left'));
    document.append(new TextWriter(2).type('7'), 'me');
    for (const delayMs of [100, 200]) {
      await clock.waiting(delayMs);
      clock.advance(delayMs);
    }
    await clock.waiting(400);
    assert.equal(log.state, 'reopening');
    assert.deepEqual(
      failures.map(({ during }) => during),
      ['write', 'reopen', 'reopen'],
    );
    for (const { error } of failures.slice(1)) damagedLog(error);
    await log.close();
  });
});

function damagedLog(error: unknown): boolean {
  assert.ok(error instanceof LogError, String(error));
  assert.equal(error.code, 'LOG_DAMAGED');
  assert.match(error.message, /\.log is damaged.*Nothing was changed\. Restore a backup\..*--accept-damaged-log/);
  return true;
}

/** The content of all files by name. */
function contentOf(folder: string): ReadonlyMap<string, string> {
  return new Map(readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'latin1')]));
}

/** The rest of a log from a record on, as a separate log. Records in its first block keep their offsets. */
function shifted(bytes: Buffer, from: number): Buffer {
  assert.ok(bytes.length < blockBytes);
  return bytes.subarray(from);
}

async function twelveDocuments(t: TestContext): Promise<{ folder: string; docIds: readonly string[] }> {
  const folder = join(tempFolder(t), 'documents');
  const log = await LevelLog.open(
    { folder, commit: 'fsync', diskReserveBytes: 0, compaction: never },
    { compact: new FakeCompact().compact },
  );
  const docIds = Array.from({ length: 12 }, (_, i) => `document ${i}`);
  for (const docId of docIds) {
    const follower = new RecordingFollower();
    const document = await log.open(docId, follower);
    document.append(new TextWriter(1).type('7'.repeat(290)), 'me');
    await follower.durable(1);
  }
  await log.close();
  return { folder, docIds };
}
