import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { LevelLog } from '../../../persistence/level/level-log.ts';
import { MemoryLog } from '../../../persistence/memory/memory-log.ts';
import { MemoryStore } from '../../../persistence/memory/memory-store.ts';
import type { KeyRange } from '../../../persistence/engine/record-store.ts';
import type { UpdateLog } from '../../../persistence/update-log.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { randomFrom } from '../../support/random.ts';
import type { Random } from '../../support/random.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';
import { Signal } from '../../support/signal.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const often = { minTailBytes: 64 * 1024, tailToSnapshotRatio: 0.5, entryCostBytes: 100 };
const eager = { minTailBytes: 10, tailToSnapshotRatio: 0, entryCostBytes: 0 };
const kilobyte = 1024;
/** LevelDB's own files: its journal and its manifest. */
const ownBytes = 64 * kilobyte;

suite('Disk space', () => {
  for (const edits of [2_000, 40_000]) {
    test(`after ${edits} edits a closed log takes at most 1.2 times the state`, async (t) => {
      const { log, folder } = await openLevel(t);
      const document = await type(log, 'paper', edits, t);
      await document.close();
      await log.settled();
      await log.close();
      const stateBytes = edits * editBytes;
      assert.ok(folderBytes(folder) <= 1.2 * stateBytes + ownBytes, `${folderBytes(folder)} for ${stateBytes}`);
    });
  }

  test('an open log takes little more space than the state after a heavily edited document is closed', async (t) => {
    const { log, folder } = await openLevel(t);
    const document = await type(log, 'paper', 40_000, t);
    await document.close();
    await log.settled();
    const stateBytes = 40_000 * editBytes;
    // Half a megabyte of garbage is not worth rewriting.
    const bound = 1.2 * stateBytes + 512 * kilobyte + ownBytes;
    assert.ok(folderBytes(folder) <= bound, `${folderBytes(folder)} for ${stateBytes}`);
    await log.close();
  });
});

suite('Garbage', () => {
  test('is not reclaimed with every fold of a document that is being edited', async (t) => {
    const store = new WatchedStore();
    const log = openMemory(t, store);
    const follower = new RecordingFollower();
    const document = await log.open('a', follower);
    // Each fold replaces a snapshot of 100 KB to 1 MB: 4 MB are obsolete after the eighth.
    for (let seq = 1; seq <= 10; seq += 1) {
      document.append(new Uint8Array(100 * kilobyte), 'me');
      await follower.compactedTo(seq);
      await log.settled();
    }
    assert.deepEqual(store.reclaimed, ['a']);
  });

  test('is reclaimed while edits become durable', async (t) => {
    const store = new WatchedStore();
    const log = openMemory(t, store);
    const follower = new RecordingFollower();
    const document = await log.open('a', follower);
    store.hold();
    document.append(new Uint8Array(5_000 * kilobyte), 'me');
    await store.held();
    const { seq } = document.append(Uint8Array.of(1), 'me');
    await follower.durable(seq);
    store.release();
  });

  test('is reclaimed when the log is closed, the most first, for half a second', async (t) => {
    const clock = new ManualClock();
    const store = new WatchedStore();
    const log = openMemory(t, store, clock);
    for (const [docId, kilobytes] of [
      ['small', 100],
      ['large', 400],
      ['tiny', 10],
      ['middle', 200],
    ] as const) {
      const follower = new RecordingFollower();
      const document = await log.open(docId, follower);
      document.append(new Uint8Array(kilobytes * kilobyte), 'me');
      await follower.compactedTo(1);
      await document.close();
    }
    await log.settled();
    assert.deepEqual(store.reclaimed, []);
    store.onReclaim = () => clock.advance(250);
    await log.close();
    assert.deepEqual(store.reclaimed, ['large', 'middle']);
  });
});

/** Random, so that compression does not reduce the size; 20 bytes, like a keystroke. */
const editBytes = 20;

function edit(random: Random): Uint8Array {
  // Not 0xff, because FakeCompact would set the entry aside.
  return Uint8Array.from({ length: editBytes }, () => random.below(255));
}

/** Appends edits one by one, with up to 500 in flight. */
async function type(log: UpdateLog, docId: string, edits: number, t: TestContext) {
  const seed = Number(process.env['SEED'] ?? 1);
  t.diagnostic(`SEED=${seed}`);
  const random = randomFrom(seed);
  const follower = new RecordingFollower();
  const document = await log.open(docId, follower);
  document.forgetStored();
  for (let seq = 1; seq <= edits; seq += 1) {
    document.append(edit(random), 'me');
    if (seq % 500 === 0) await follower.durable(seq);
  }
  return document;
}

async function openLevel(t: TestContext) {
  const folder = tempFolder(t);
  const log = await LevelLog.open(
    { folder, commit: 'write', diskReserveBytes: 0, compaction: often },
    { compact: new FakeCompact().compact },
  );
  t.after(() => log.close());
  return { log, folder };
}

function openMemory(t: TestContext, store: WatchedStore, clock = new ManualClock()): MemoryLog {
  const log = MemoryLog.open({ compaction: eager }, { compact: new FakeCompact().compact, store, clock });
  t.after(() => log.close());
  return log;
}

function folderBytes(folder: string): number {
  return readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0);
}

/** Records the documents whose space was reclaimed. */
class WatchedStore extends MemoryStore {
  readonly reclaimed: string[] = [];
  onReclaim: () => void = () => {};
  readonly #changed = new Signal();
  #gate: Promise<void> | null = null;
  #open: () => void = () => {};
  #waiting = false;

  override async reclaim({ lt }: KeyRange): Promise<void> {
    // Recorded once per document: its last range is that of the head.
    if (lt[0] === 'S'.charCodeAt(0)) {
      this.reclaimed.push(Buffer.from(lt).toString('utf8', 3, lt.length - 1));
      this.onReclaim();
    }
    this.#waiting = this.#gate !== null;
    this.#changed.notify();
    await this.#gate;
  }

  hold(): void {
    this.#gate = new Promise((resolve) => (this.#open = resolve));
  }

  release(): void {
    this.#open();
  }

  held(): Promise<void> {
    return this.#changed.until(() => this.#waiting);
  }
}
