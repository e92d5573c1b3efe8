import assert from 'node:assert/strict';
import { type TestContext, suite, test } from 'node:test';
import { LogError } from '../../../persistence/errors.ts';
import type { Compact } from '../../../persistence/compaction/compaction.ts';
import type { CompactionPolicy } from '../../../persistence/log/compactor.ts';
import type { LogState, PinnedSnapshot, UpdateLog } from '../../../persistence/log/update-log.ts';
import { FakeCompact } from '../../support/fake-compact.ts';
import { randomOf } from '../../support/random.ts';
import { RecordingFollower } from '../../support/recording-follower.ts';

/** One storage, on which logs can be opened one after the other. */
export interface LogWorld {
  /** Finds what earlier logs of this world have stored. */
  open(options: { readonly compact: Compact; readonly compaction: CompactionPolicy }): Promise<UpdateLog>;
  /** Makes writing and reopening fail until `heal`. */
  fail(error: Error): void;
  heal(): void;
}

const never: CompactionPolicy = { minTailBytes: Number.MAX_SAFE_INTEGER, tailToSnapshotRatio: 1, entryCostBytes: 0 };
/** Folds a tail of ten bytes. */
const eager: CompactionPolicy = { minTailBytes: 10, tailToSnapshotRatio: 1, entryCostBytes: 0 };

/** What every UpdateLog must do, whatever it stores in. */
export function updateLogContract(name: string, worldOf: (t: TestContext) => LogWorld): void {
  const setUp = (t: TestContext, compaction = never): Promise<Bench> => Bench.open(t, worldOf(t), compaction);

  suite(`${name} as an UpdateLog`, () => {
    test('a document that was never written is empty, and opening it writes nothing', async (t) => {
      const bench = await setUp(t);
      for (let i = 0; i < 2; i += 1) {
        const document = await bench.log.open('new', new RecordingFollower());
        assert.deepEqual(document.stored.tail, []);
        assert.equal(document.stored.snapshot, null);
        assert.equal(document.stored.generation, 1);
        assert.equal(document.docId, 'new');
        assert.equal(document.pin(), null);
        await bench.reopen();
      }
    });

    test('entries are found again in order, with number, time, user and update (I3)', async (t) => {
      const bench = await setUp(t);
      const { document, follower } = await bench.document('a');
      const updates = [bytes(1), bytes(0), bytes(100_000, 7), bytes(3)];
      const appended = updates.map((update, i) => document.append(update, `user ${i} ü`));
      await follower.durable(4);
      await bench.reopen();
      const { stored } = (await bench.document('a')).document;
      assert.deepEqual(stored.tail, appended);
      assert.deepEqual(
        appended.map(({ seq }) => seq),
        [1, 2, 3, 4],
      );
      assert.equal(stored.createdMs, appended[0]?.timeMs);
    });

    test('append returns the entry that is committed later, never before it has returned (I2)', async (t) => {
      const bench = await setUp(t);
      const { document, follower } = await bench.document('a');
      const entry = document.append(bytes(5), 'me');
      assert.equal(follower.commits.length, 0);
      await follower.durable(1);
      assert.equal(follower.entries[0], entry);
    });

    test('what is appended while a commit runs follows in the next one, without gaps (I3)', async (t) => {
      const bench = await setUp(t);
      const a = await bench.document('a');
      const b = await bench.document('b');
      a.follower.onCommitted = (entries) => {
        for (const { seq } of entries) if (seq <= 50) a.document.append(bytes(seq), 'me');
        b.document.append(bytes(1), 'me');
      };
      for (let i = 0; i < 10; i += 1) a.document.append(bytes(1), 'me');
      await a.follower.durable(60);
      await b.document.close();
      assert.deepEqual(a.follower.seqs, range(1, 60));
      assert.deepEqual(b.follower.seqs, range(1, b.follower.entries.length));
      assert.equal(
        a.follower.commits.every((entries) => entries.length > 0),
        true,
      );
    });

    test('a follower that throws harms neither its own document nor others (I6)', async (t) => {
      const bench = await setUp(t);
      const a = await bench.document('a');
      const b = await bench.document('b');
      a.follower.onCommitted = () => {
        throw new Error('a bug in a follower');
      };
      for (let i = 0; i < 3; i += 1) {
        a.document.append(bytes(1), 'me');
        b.document.append(bytes(1), 'me');
        await b.follower.durable(i + 1);
      }
      await a.follower.durable(3);
    });

    test('a document is open once at a time, and again after it is closed', async (t) => {
      const bench = await setUp(t);
      const opening = bench.log.open('a', new RecordingFollower());
      await assert.rejects(bench.log.open('a', new RecordingFollower()), /open already/);
      const document = await opening;
      await assert.rejects(bench.log.open('a', new RecordingFollower()), /open already/);
      document.append(bytes(1), 'me');
      const closed = document.close();
      await assert.rejects(bench.log.open('a', new RecordingFollower()), /open already/);
      await closed;
      const again = await bench.log.open('a', new RecordingFollower());
      assert.equal(again.stored.tail.length, 1);
    });

    test('closing a document waits for what is in flight; then nothing is called and nothing appended', async (t) => {
      const bench = await setUp(t);
      const { document, follower } = await bench.document('a');
      for (let i = 0; i < 5; i += 1) document.append(bytes(1), 'me');
      const closing = document.close();
      assert.throws(() => document.append(bytes(1), 'me'), code('LOG_CLOSED'));
      assert.equal(follower.entries.length, 0);
      await closing;
      assert.deepEqual(follower.seqs, range(1, 5));
      await document.close();
      assert.throws(() => document.append(bytes(1), 'me'), code('LOG_CLOSED'));
    });

    test('closing the log commits what is in flight; calls share one promise, and it ends for good', async (t) => {
      const bench = await setUp(t);
      const states: LogState[] = [];
      bench.log.onState((state) => states.push(state));
      const { document, follower } = await bench.document('a');
      document.append(bytes(1), 'me');
      const closing = bench.log.close();
      assert.equal(bench.log.close(), closing);
      assert.equal(bench.log.state, 'closed');
      assert.throws(() => document.append(bytes(1), 'me'), code('LOG_CLOSED'));
      await closing;
      assert.deepEqual(follower.seqs, [1]);
      await assert.rejects(bench.log.open('b', new RecordingFollower()), code('LOG_CLOSED'));
      await document.close();
      assert.deepEqual(states, ['closed']);
      assert.deepEqual(follower.failures, []);
    });

    test('a listener of the state can be taken away, and may throw', async (t) => {
      const bench = await setUp(t);
      const heard: LogState[] = [];
      bench.log.onState(() => {
        throw new Error('a bug in a listener');
      });
      const end = bench.log.onState((state) => heard.push(state));
      bench.log.onState((state) => heard.push(state));
      end();
      await bench.log.close();
      assert.deepEqual(heard, ['closed']);
    });

    test('documents do not see each other, however alike their names are', async (t) => {
      const bench = await setUp(t);
      const names = ['a', 'ab', 'a\u0000', 'a\u0000\u0001', 'ä', 'a\u00e4', '😀', 'x'.repeat(300), '\u0001'];
      for (const [i, docId] of names.entries()) {
        const { document, follower } = await bench.document(docId);
        for (let n = 0; n <= i; n += 1) document.append(bytes(4, i), 'me');
        await follower.durable(i + 1);
      }
      await bench.reopen();
      for (const [i, docId] of names.entries()) {
        const { tail } = (await bench.document(docId)).document.stored;
        assert.deepEqual(
          tail.map(({ update }) => update),
          Array.from({ length: i + 1 }, () => bytes(4, i)),
        );
      }
      await assert.rejects(bench.log.open('', new RecordingFollower()), RangeError);
      await assert.rejects(bench.log.open('\ud800', new RecordingFollower()), RangeError);
    });

    test('a tail that has outgrown the snapshot is folded; opening reads the snapshot and what came after', async (t) => {
      const bench = await setUp(t, eager);
      const { document, follower } = await bench.document('a');
      for (let i = 1; i <= 3; i += 1) document.append(bytes(4, i), 'me');
      await follower.compactedTo(3);
      const last = document.append(bytes(4, 4), 'you');
      await follower.durable(4);
      assert.equal(follower.compactions.length, 1);
      await bench.reopen();
      const again = (await bench.document('a')).document;
      assert.deepEqual(again.stored.tail, [last]);
      assert.deepEqual(again.stored.snapshot, follower.compactions[0]?.snapshot);
      assert.deepEqual(again.stored.snapshot?.stateVector, Uint8Array.of(1, 2, 3));
      assert.equal(again.stored.createdMs, follower.entries[0]?.timeMs);
      assert.deepEqual(
        await contentOf(again.pin()),
        [bytes(4, 1), bytes(4, 2), bytes(4, 3)].flatMap((u) => [...u]),
      );
    });

    test('a pinned snapshot stays readable after newer ones have replaced it, until released', async (t) => {
      const bench = await setUp(t, eager);
      bench.fake.partBytes = 5;
      const { document, follower } = await bench.document('a');
      document.append(bytes(12, 1), 'me');
      await follower.compactedTo(1);
      const pinned = document.pin();
      document.append(bytes(12, 2), 'me');
      await follower.compactedTo(2);
      document.append(bytes(24, 3), 'me');
      await follower.compactedTo(3);
      assert.equal(pinned?.snapshot.parts.length, 3);
      assert.deepEqual(await contentOf(pinned), [...bytes(12, 1)]);
      pinned?.release();
      pinned?.release();
      await assert.rejects(async () => pinned?.read(0), /released/);
      assert.deepEqual(await contentOf(document.pin()), [...bytes(12, 1), ...bytes(12, 2), ...bytes(24, 3)]);
      await assert.rejects(async () => document.pin()?.read(99), RangeError);
    });

    test('entries that poison the document are set aside and named; numbering goes on', async (t) => {
      const bench = await setUp(t, eager);
      const { document, follower } = await bench.document('a');
      document.append(bytes(4, 1), 'me');
      document.append(bytes(4, 0xff), 'mallory');
      document.append(bytes(4, 3), 'me');
      await follower.compactedTo(3);
      assert.deepEqual(follower.compactions[0]?.setAside, [2]);
      assert.deepEqual(await contentOf(document.pin()), [...bytes(4, 1), ...bytes(4, 3)]);
      assert.equal(document.append(bytes(1), 'me').seq, 4);
    });

    test('a compaction that fails changes nothing, and is tried again when the tail has doubled', async (t) => {
      const bench = await setUp(t, eager);
      bench.fake.failure = new Error('cannot fold');
      const { document, follower } = await bench.document('a');
      document.append(bytes(10, 1), 'me');
      await bench.fake.called(1);
      for (let i = 2; i <= 10; i += 1) {
        document.append(bytes(1, i), 'me');
        await follower.durable(i);
      }
      assert.equal(bench.fake.inputs.length, 1);
      bench.fake.failure = null;
      document.append(bytes(1, 11), 'me');
      await follower.compactedTo(11);
      assert.equal(bench.fake.inputs.length, 2);
      assert.equal((await contentOf(document.pin())).length, 20);
    });

    test('what is appended while a compaction runs stays in the tail', async (t) => {
      const bench = await setUp(t, eager);
      bench.fake.hold();
      const { document, follower } = await bench.document('a');
      document.append(bytes(10, 1), 'me');
      await bench.fake.called(1);
      document.append(bytes(8, 2), 'me');
      await follower.durable(2);
      bench.fake.release();
      await follower.compactedTo(1);
      await bench.reopen();
      const again = (await bench.document('a')).document;
      assert.deepEqual(
        again.stored.tail.map(({ seq }) => seq),
        [2],
      );
      assert.deepEqual(await contentOf(again.pin()), [...bytes(10, 1)]);
    });

    test('what is left of a tail after a compaction counts towards the next', async (t) => {
      const bench = await setUp(t, eager);
      bench.fake.hold();
      const { document, follower } = await bench.document('a');
      document.append(bytes(10, 1), 'me');
      await bench.fake.called(1);
      document.append(bytes(8, 2), 'me');
      await follower.durable(2);
      bench.fake.release();
      await follower.compactedTo(1);
      document.append(bytes(2, 3), 'me');
      await follower.compactedTo(3);
    });

    test('a document can be closed, opened again and appended to while it is being compacted', async (t) => {
      const bench = await setUp(t, eager);
      bench.fake.hold();
      const first = await bench.document('a');
      first.document.append(bytes(10, 1), 'me');
      await bench.fake.called(1);
      await first.document.close();
      const second = await bench.document('a');
      assert.equal(second.document.stored.snapshot, null);
      assert.equal(second.document.append(bytes(1, 2), 'me').seq, 2);
      bench.fake.release();
      await second.follower.compactedTo(1);
      assert.equal(first.follower.compactions.length, 0);
      assert.deepEqual(await contentOf(second.document.pin()), [...bytes(10, 1)]);
    });

    test('a document that is closed with a tail worth folding is folded behind its back', async (t) => {
      const bench = await setUp(t, eager);
      const { document } = await bench.document('a');
      for (let i = 1; i <= 4; i += 1) document.append(bytes(2, i), 'me');
      await document.close();
      await bench.fake.called(1);
      assert.equal(bench.fake.inputs[0]?.entries.length, 4);
    });

    test('closing never waits for a compaction; its result is dropped', async (t) => {
      const bench = await setUp(t, eager);
      bench.fake.hold();
      const { document, follower } = await bench.document('a');
      document.append(bytes(10, 1), 'me');
      await bench.fake.called(1);
      await document.close();
      await bench.log.close();
      bench.fake.release();
      await bench.reopen();
      const again = (await bench.document('a')).document;
      assert.equal(again.stored.snapshot, null);
      assert.equal(again.stored.tail.length, 1);
      assert.equal(follower.compactions.length, 0);
    });

    test('a failed write fails every document, acknowledges nothing, and the log opens again by itself (I1, I8)', async (t) => {
      const bench = await setUp(t);
      const states: LogState[] = [];
      bench.log.onState((state) => states.push(state));
      const a = await bench.document('a');
      const b = await bench.document('b');
      a.document.append(bytes(1, 1), 'me');
      await a.follower.durable(1);
      bench.world.fail(new Error('disk gone'));
      a.document.append(bytes(1, 2), 'me');
      const closing = b.document.close();
      await a.follower.dead();
      await closing;
      assert.deepEqual(a.follower.seqs, [1]);
      assert.equal(b.follower.failures.length, 0, 'it was closed before');
      assert.equal(bench.log.state, 'reopening');
      assert.throws(() => a.document.append(bytes(1, 3), 'me'), code('LOG_REOPENING'));
      await assert.rejects(bench.log.open('a', new RecordingFollower()), code('LOG_REOPENING'));
      await a.document.close();

      bench.world.heal();
      await opened(bench.log);
      assert.throws(() => a.document.append(bytes(1, 3), 'me'), code('LOG_REOPENING'));
      const again = await bench.document('a');
      assert.deepEqual(again.document.stored.tail[0]?.update, bytes(1, 1));
      const entry = again.document.append(bytes(1, 4), 'me');
      await again.follower.durable(entry.seq);
      await bench.reopen();
      assert.deepEqual((await bench.document('a')).document.stored.tail.at(-1), entry);
      assert.deepEqual(states, ['reopening', 'open', 'closed']);
    });

    test('a log can be closed while it reopens', async (t) => {
      const bench = await setUp(t);
      const { document, follower } = await bench.document('a');
      bench.world.fail(new Error('disk gone'));
      document.append(bytes(1), 'me');
      await follower.dead();
      await bench.log.close();
      bench.world.heal();
      await bench.reopen();
    });

    test('whatever happens in whatever order, a document is what was acknowledged (I1, I3)', async (t) => {
      const random = randomOf(t);
      const bench = await setUp(t, { minTailBytes: 40, tailToSnapshotRatio: 0.5, entryCostBytes: 0 });
      bench.fake.partBytes = 50;
      const docIds = ['a', 'b', 'c'];
      const acknowledged = new Map<string, Uint8Array[]>(docIds.map((docId) => [docId, []]));
      const opened = new Map<string, Opened>();
      for (let step = 0; step < 400; step += 1) {
        const docId = random.pick(docIds);
        const found = opened.get(docId);
        if (found === undefined) {
          const next = await bench.document(docId);
          assert.deepEqual(
            await everything(next),
            acknowledged.get(docId)?.flatMap((update) => [...update]),
          );
          next.follower.onCommitted = (entries) => {
            acknowledged.get(docId)?.push(...entries.map(({ update }) => update));
          };
          opened.set(docId, next);
        } else if (random.below(10) === 0) {
          await found.document.close();
          opened.delete(docId);
        } else {
          const entry = found.document.append(bytes(1 + random.below(20), random.below(200)), 'me');
          if (random.below(3) === 0) await found.follower.durable(entry.seq);
        }
        if (random.below(60) === 0) {
          await bench.reopen();
          opened.clear();
        }
      }
    });
  });
}

interface Opened {
  readonly document: Awaited<ReturnType<UpdateLog['open']>>;
  readonly follower: RecordingFollower;
}

/** A log that can be closed and opened again. */
class Bench {
  readonly world: LogWorld;
  readonly fake = new FakeCompact();
  readonly #compaction: CompactionPolicy;
  #log: UpdateLog | null = null;

  static async open(t: TestContext, world: LogWorld, compaction: CompactionPolicy): Promise<Bench> {
    const bench = new Bench(world, compaction);
    t.after(() => bench.close());
    await bench.reopen();
    return bench;
  }

  private constructor(world: LogWorld, compaction: CompactionPolicy) {
    this.world = world;
    this.#compaction = compaction;
  }

  get log(): UpdateLog {
    assert.ok(this.#log);
    return this.#log;
  }

  async reopen(): Promise<void> {
    await this.close();
    this.#log = await this.world.open({ compact: this.fake.compact, compaction: this.#compaction });
  }

  async close(): Promise<void> {
    await this.#log?.close();
  }

  async document(docId: string): Promise<Opened> {
    const follower = new RecordingFollower();
    return { document: await this.log.open(docId, follower), follower };
  }
}

/** `length` bytes that say `value`. */
function bytes(length: number, value = 0): Uint8Array {
  return new Uint8Array(length).fill(value);
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function code(expected: LogError['code']): (error: unknown) => boolean {
  return (error) => error instanceof LogError && error.code === expected;
}

async function contentOf(pinned: PinnedSnapshot | null): Promise<number[]> {
  const content: number[] = [];
  for (let part = 0; part < (pinned?.snapshot.parts.length ?? 0); part += 1) {
    content.push(...((await pinned?.read(part)) ?? []));
  }
  return content;
}

async function everything({ document }: Opened): Promise<number[]> {
  const pinned = document.pin();
  const content = await contentOf(pinned);
  pinned?.release();
  return [...content, ...document.stored.tail.flatMap(({ update }) => [...update])];
}

function opened(log: UpdateLog): Promise<void> {
  return new Promise((resolve) => {
    const end = log.onState((state) => {
      if (state !== 'open') return;
      end();
      resolve();
    });
  });
}
