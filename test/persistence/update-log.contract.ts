import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import type { LogState } from '../../persistence/update-log.ts';
import { randomOf } from '../support/random.ts';
import { RecordingFollower } from '../support/recording-follower.ts';
import { bytes, code, everything, LogFixture, never, opened, range } from './engine/log-fixture.ts';
import type { LogWorld, Opened } from './engine/log-fixture.ts';

/** The contract of every UpdateLog, for any storage. */
export function updateLogContract(name: string, worldOf: (t: TestContext) => LogWorld): void {
  const setUp = (t: TestContext, compaction = never): Promise<LogFixture> => LogFixture.open(t, worldOf(t), compaction);

  suite(`${name} as an UpdateLog`, () => {
    test('a document that was never written is empty, and opening it writes nothing', async (t) => {
      const fixture = await setUp(t);
      for (let i = 0; i < 2; i += 1) {
        const document = await fixture.log.open('new', new RecordingFollower());
        assert.deepEqual(document.stored.tail, []);
        assert.equal(document.stored.snapshot, null);
        assert.equal(document.stored.generation, 1);
        assert.equal(document.docId, 'new');
        assert.equal(document.pin(), null);
        await fixture.reopen();
      }
    });

    test('reopening finds the entries in order, with number, time, user and update (I3)', async (t) => {
      const fixture = await setUp(t);
      const { document, follower } = await fixture.document('a');
      const updates = [bytes(1), bytes(0), bytes(100_000, 7), bytes(3)];
      const appended = updates.map((update, i) => document.append(update, `user ${i} ü`));
      await follower.durable(4);
      await fixture.reopen();
      const { stored } = (await fixture.document('a')).document;
      assert.deepEqual(stored.tail, appended);
      assert.deepEqual(
        appended.map(({ seq }) => seq),
        [1, 2, 3, 4],
      );
      assert.equal(stored.createdMs, appended[0]?.timeMs);
    });

    test('append returns the entry that is committed later, never before it has returned (I2)', async (t) => {
      const fixture = await setUp(t);
      const { document, follower } = await fixture.document('a');
      const entry = document.append(bytes(5), 'me');
      assert.equal(follower.commits.length, 0);
      await follower.durable(1);
      assert.equal(follower.entries[0], entry);
    });

    test('entries appended while a commit runs follow in the next one, without gaps (I3)', async (t) => {
      const fixture = await setUp(t);
      const a = await fixture.document('a');
      const b = await fixture.document('b');
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
      const fixture = await setUp(t);
      const a = await fixture.document('a');
      const b = await fixture.document('b');
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
      const fixture = await setUp(t);
      const opening = fixture.log.open('a', new RecordingFollower());
      await assert.rejects(fixture.log.open('a', new RecordingFollower()), /open already/);
      const document = await opening;
      await assert.rejects(fixture.log.open('a', new RecordingFollower()), /open already/);
      document.append(bytes(1), 'me');
      const closed = document.close();
      await assert.rejects(fixture.log.open('a', new RecordingFollower()), /open already/);
      await closed;
      const again = await fixture.log.open('a', new RecordingFollower());
      assert.equal(again.stored.tail.length, 1);
    });

    test('closing a document waits for entries in flight; after that no callback runs and appending throws', async (t) => {
      const fixture = await setUp(t);
      const { document, follower } = await fixture.document('a');
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
      const fixture = await setUp(t);
      const states: LogState[] = [];
      fixture.log.onState((state) => states.push(state));
      const { document, follower } = await fixture.document('a');
      document.append(bytes(1), 'me');
      const closing = fixture.log.close();
      assert.equal(fixture.log.close(), closing);
      assert.equal(fixture.log.state, 'closed');
      assert.throws(() => document.append(bytes(1), 'me'), code('LOG_CLOSED'));
      await closing;
      assert.deepEqual(follower.seqs, [1]);
      await assert.rejects(fixture.log.open('b', new RecordingFollower()), code('LOG_CLOSED'));
      await document.close();
      assert.deepEqual(states, ['closed']);
      assert.deepEqual(follower.failures, []);
    });

    test('a listener for the state can be removed, and may throw', async (t) => {
      const fixture = await setUp(t);
      const heard: LogState[] = [];
      fixture.log.onState(() => {
        throw new Error('a bug in a listener');
      });
      const end = fixture.log.onState((state) => heard.push(state));
      fixture.log.onState((state) => heard.push(state));
      end();
      await fixture.log.close();
      assert.deepEqual(heard, ['closed']);
    });

    test('documents with similar names are independent', async (t) => {
      const fixture = await setUp(t);
      const names = ['a', 'ab', 'a\u0000', 'a\u0000\u0001', 'ä', 'a\u00e4', '😀', 'x'.repeat(300), '\u0001'];
      for (const [i, docId] of names.entries()) {
        const { document, follower } = await fixture.document(docId);
        for (let n = 0; n <= i; n += 1) document.append(bytes(4, i), 'me');
        await follower.durable(i + 1);
      }
      await fixture.reopen();
      for (const [i, docId] of names.entries()) {
        const { tail } = (await fixture.document(docId)).document.stored;
        assert.deepEqual(
          tail.map(({ update }) => update),
          Array.from({ length: i + 1 }, () => bytes(4, i)),
        );
      }
      await assert.rejects(fixture.log.open('', new RecordingFollower()), RangeError);
      await assert.rejects(fixture.log.open('\ud800', new RecordingFollower()), RangeError);
    });

    test('a failed write fails every document and acknowledges nothing, and the log reopens by itself (I1, I8)', async (t) => {
      const fixture = await setUp(t);
      const states: LogState[] = [];
      fixture.log.onState((state) => states.push(state));
      const a = await fixture.document('a');
      const b = await fixture.document('b');
      a.document.append(bytes(1, 1), 'me');
      await a.follower.durable(1);
      fixture.world.fail(new Error('disk gone'));
      a.document.append(bytes(1, 2), 'me');
      const closing = b.document.close();
      await a.follower.dead();
      await closing;
      assert.deepEqual(a.follower.seqs, [1]);
      assert.equal(b.follower.failures.length, 0, 'it was closed before');
      assert.equal(fixture.log.state, 'reopening');
      assert.throws(() => a.document.append(bytes(1, 3), 'me'), code('LOG_REOPENING'));
      await assert.rejects(fixture.log.open('a', new RecordingFollower()), code('LOG_REOPENING'));
      await a.document.close();

      fixture.world.heal();
      await opened(fixture.log);
      assert.throws(() => a.document.append(bytes(1, 3), 'me'), code('LOG_REOPENING'));
      const again = await fixture.document('a');
      assert.deepEqual(again.document.stored.tail[0]?.update, bytes(1, 1));
      const entry = again.document.append(bytes(1, 4), 'me');
      await again.follower.durable(entry.seq);
      await fixture.reopen();
      assert.deepEqual((await fixture.document('a')).document.stored.tail.at(-1), entry);
      assert.deepEqual(states, ['reopening', 'open', 'closed']);
    });

    test('a log can be closed while it reopens', async (t) => {
      const fixture = await setUp(t);
      const { document, follower } = await fixture.document('a');
      fixture.world.fail(new Error('disk gone'));
      document.append(bytes(1), 'me');
      await follower.dead();
      await fixture.log.close();
      fixture.world.heal();
      await fixture.reopen();
    });

    test('after any sequence of operations a document has exactly the acknowledged entries (I1, I3)', async (t) => {
      const random = randomOf(t);
      const fixture = await setUp(t, { minTailBytes: 40, tailToSnapshotRatio: 0.5, entryCostBytes: 0 });
      fixture.fake.partBytes = 50;
      const docIds = ['a', 'b', 'c'];
      const acknowledged = new Map<string, Uint8Array[]>(docIds.map((docId) => [docId, []]));
      const opened = new Map<string, Opened>();
      for (let step = 0; step < 400; step += 1) {
        const docId = random.pick(docIds);
        const found = opened.get(docId);
        if (found === undefined && random.below(4) === 0) {
          const existed = await fixture.log.delete(docId, [step]);
          assert.equal(existed, acknowledged.get(docId)?.length !== 0);
          acknowledged.set(docId, []);
        } else if (found === undefined) {
          const next = await fixture.document(docId);
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
          await fixture.reopen();
          opened.clear();
        }
      }
    });
  });
}
