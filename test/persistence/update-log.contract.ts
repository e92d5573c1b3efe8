import assert from 'node:assert/strict';
import { type TestContext, suite, test } from 'node:test';
import type { LogState } from '../../persistence/update-log.ts';
import { randomOf } from '../support/random.ts';
import { RecordingFollower } from '../support/recording-follower.ts';
import {
  bytes,
  code,
  everything,
  LogBench,
  type LogWorld,
  never,
  opened,
  type Opened,
  range,
} from './engine/log-bench.ts';

/** The contract of every UpdateLog, for any storage. */
export function updateLogContract(name: string, worldOf: (t: TestContext) => LogWorld): void {
  const setUp = (t: TestContext, compaction = never): Promise<LogBench> => LogBench.open(t, worldOf(t), compaction);

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

    test('reopening finds the entries in order, with number, time, user and update (I3)', async (t) => {
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

    test('entries appended while a commit runs follow in the next one, without gaps (I3)', async (t) => {
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

    test('a follower that throws affects neither its own document nor others (I6)', async (t) => {
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

    test('a document can be open only once, and again after it is closed', async (t) => {
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

    test('closing a document waits for entries in flight; after that no callback runs and appending throws', async (t) => {
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

    test('closing the log commits entries in flight; calls share one promise, and the log stays closed', async (t) => {
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

    test('a listener for the state can be removed, and may throw', async (t) => {
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

    test('documents with similar names are independent', async (t) => {
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

    test('a failed write fails every document and acknowledges nothing, and the log reopens by itself (I1, I8)', async (t) => {
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

    test('after any sequence of operations a document has exactly the acknowledged entries (I1, I3)', async (t) => {
      const random = randomOf(t);
      const bench = await setUp(t, { minTailBytes: 40, tailToSnapshotRatio: 0.5, entryCostBytes: 0 });
      bench.fake.partBytes = 50;
      const docIds = ['a', 'b', 'c'];
      const acknowledged = new Map<string, Uint8Array[]>(docIds.map((docId) => [docId, []]));
      const opened = new Map<string, Opened>();
      for (let step = 0; step < 400; step += 1) {
        const docId = random.pick(docIds);
        const found = opened.get(docId);
        if (found === undefined && random.below(4) === 0) {
          const existed = await bench.log.delete(docId, [step]);
          assert.equal(existed, acknowledged.get(docId)?.length !== 0);
          acknowledged.set(docId, []);
        } else if (found === undefined) {
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
