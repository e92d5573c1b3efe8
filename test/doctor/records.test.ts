import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { DocumentKeys } from '../../persistence/engine/keys.ts';
import { EntrySealer } from '../../persistence/engine/records.ts';
import { LevelLog } from '../../persistence/level/level-log.ts';
import type { LevelDatabase } from '../../persistence/level/level-store.ts';
import { parseConfig } from '../../server/config/config.ts';
import { checkMachine } from '../../server/doctor/local-checks.ts';
import { machine } from '../../server/doctor/machine.ts';
import type { LocalDeps, LocalState } from '../../server/doctor/machine.ts';
import type { Finding } from '../../server/doctor/finding.ts';
import { fold } from '../../persistence/compaction/fold.ts';
import { inDatabase } from '../support/raw-database.ts';
import { RecordingFollower } from '../support/recording-follower.ts';
import { TextWriter } from '../support/text-writer.ts';
import { tempFolder } from '../support/temp-folder.ts';

const eager = { minTailBytes: 500, tailToSnapshotRatio: 1, entryCostBytes: 0 };
const keys = new DocumentKeys('notes/victim');

/** Three documents, each with a snapshot up to 1 and entries 2 to 4. */
async function dataFolder(t: TestContext): Promise<string> {
  const folder = tempFolder(t);
  const log = await LevelLog.open(
    { folder: join(folder, 'documents'), commit: 'write', diskReserveBytes: 0, compaction: eager },
    { compact: (input) => Promise.resolve(fold(input)) },
  );
  for (const docId of ['notes/sound', keys.docId, 'notes/other']) {
    const follower = new RecordingFollower();
    const writer = new TextWriter(1);
    const document = await log.open(docId, follower);
    document.append(writer.type('x'.repeat(1_000)), 'me');
    await follower.compactedTo(1);
    for (let i = 0; i < 3; i += 1) document.append(writer.type('x'), 'me');
    await follower.durable(4);
  }
  await log.settled();
  await log.close();
  return folder;
}

async function check(folder: string, local: Partial<LocalDeps> = {}): Promise<LocalState> {
  const deps = { ...machine, openFilesLimit: () => Promise.resolve(null), fsyncsMs: () => Promise.resolve([1]) };
  const generous = { freeBytes: () => Promise.resolve(1e12), verifyBudgetMs: 60_000 };
  return checkMachine(parseConfig(['--data', folder], {}), { ...deps, ...generous, ...local });
}

function recordsOf({ measurements }: LocalState): string | undefined {
  return measurements.find(({ name }) => name === 'records')?.value;
}

function messageOf({ sentence, advice }: Finding): string {
  return `${sentence} ${advice}`;
}

async function flip(database: LevelDatabase, key: Uint8Array): Promise<void> {
  const value = Uint8Array.from((await database.get(key)) ?? assert.fail('There is no such record'));
  value[value.length - 1]! ^= 4;
  await database.put(key, value);
}

test('a sound database is verified without findings', async (t) => {
  const state = await check(await dataFolder(t));
  assert.deepEqual(state.findings, []);
  assert.equal(recordsOf(state), '3 documents verified');
});

test('for a flipped bit, a gap and a missing record, the document, the damage and the advice are named', async (t) => {
  const damages: [RegExp, (database: LevelDatabase) => Promise<void>][] = [
    [/entry 3: its checksum is wrong/, (database) => flip(database, keys.entry(3))],
    [/part 0 of snapshot 1: its checksum is wrong/, (database) => flip(database, keys.piece(1, 0))],
    [/part 0 of snapshot 1: piece 0 is missing/, (database) => database.del(keys.piece(1, 0))],
    [/Entry 2 cannot be found/, (database) => database.del(keys.entry(2))],
    [/meta or snapshot head: its checksum is wrong/, (database) => flip(database, keys.head)],
    [/snapshot 1 is expected, 0 is there/, (database) => database.del(keys.head)],
  ];
  for (const [reason, damage] of damages) {
    const folder = await dataFolder(t);
    await inDatabase(join(folder, 'documents'), damage);
    const { findings } = await check(folder);
    assert.deepEqual(
      findings.map(({ code }) => code),
      ['local-document-damaged'],
    );
    const text = messageOf(findings[0]!);
    assert.match(text, reason);
    assert.match(text, /notes\/victim/);
    assert.doesNotMatch(text, /notes\/(sound|other)/);
    assert.match(text, /backup/);
  }
});

test('a record with a right checksum and an unreadable update is found', async (t) => {
  const folder = await dataFolder(t);
  await inDatabase(join(folder, 'documents'), async (database) => {
    const entry = { seq: 3, timeMs: 0, userId: 'me', update: Uint8Array.of(1, 1) };
    await database.put(keys.entry(3), new EntrySealer().seal(keys.entry(3), entry));
  });
  const { findings } = await check(folder);
  assert.deepEqual(
    findings.map(({ code, sentence }) => [code, sentence]),
    [
      [
        'local-document-damaged',
        "The document 'notes/victim' is damaged: Cannot read entry 3: Malformed update: truncated at byte 1.",
      ],
    ],
  );
});

test('several damaged documents are all named', async (t) => {
  const folder = await dataFolder(t);
  await inDatabase(join(folder, 'documents'), async (database) => {
    await flip(database, keys.entry(2));
    await flip(database, new DocumentKeys('notes/other').entry(4));
  });
  const { findings } = await check(folder);
  assert.equal(findings.length, 1);
  assert.match(messageOf(findings[0]!), /notes\/victim/);
  assert.match(messageOf(findings[0]!), /notes\/other/);
});

test('when the time is over, the report says how much was verified, and how to verify everything', async (t) => {
  let nowMs = 0;
  const state = await check(await dataFolder(t), { verifyBudgetMs: 2, monotonicMs: () => nowMs++ });
  assert.equal(recordsOf(state), '1 of 3 documents verified; --deep for all');
});

test('a database that a server uses is verified too', async (t) => {
  const folder = await dataFolder(t);
  await inDatabase(join(folder, 'documents'), async () => {
    const state = await check(folder);
    assert.deepEqual(state.findings, []);
    assert.equal(recordsOf(state), '3 documents verified');
  });
});

test('a damaged log of LevelDB is named with advice, and is not changed', async (t) => {
  const folder = await dataFolder(t);
  const documents = join(folder, 'documents');
  const file = readdirSync(documents).find((name) => name.endsWith('.log')) ?? assert.fail('There is no log');
  const bytes = readFileSync(join(documents, file));
  bytes[200]! ^= 1;
  writeFileSync(join(documents, file), bytes);
  const before = readdirSync(documents);
  const { findings } = await check(folder);
  assert.deepEqual(
    findings.map(({ code }) => code),
    ['local-database-damaged'],
  );
  assert.match(messageOf(findings[0]!), /\.log is damaged at byte \d+.*later batches.*backup/);
  assert.deepEqual(readdirSync(documents), before);
  assert.deepEqual(readFileSync(join(documents, file)), bytes);
});
