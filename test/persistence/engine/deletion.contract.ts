import assert from 'node:assert/strict';
import { type TestContext, suite, test } from 'node:test';
import { RecordingFollower } from '../../support/recording-follower.ts';
import { bytes, code, contentOf, eager, everything, LogBench, type LogWorld, never, opened } from './log-bench.ts';

/** The contract of deletion in every UpdateLog, for any storage. */
export function deletionContract(name: string, worldOf: (t: TestContext) => LogWorld): void {
  const setUp = (t: TestContext, compaction = never): Promise<LogBench> => LogBench.open(t, worldOf(t), compaction);

  suite(`deletion in ${name}`, () => {
    test('a deleted document is empty and has a new generation, which knows the clients that wrote the old ones', async (t) => {
      const bench = await setUp(t);
      await bench.write('a', [bytes(4, 1), bytes(4, 2)]);
      await bench.write('ab', [bytes(4, 3)]);
      assert.equal(await bench.log.delete('a', [7, 2 ** 32 - 1]), true);
      for (let i = 0; i < 2; i += 1) {
        const { stored } = (await bench.document('a')).document;
        assert.deepEqual(stored.tail, []);
        assert.equal(stored.snapshot, null);
        assert.equal(stored.generation, 2);
        assert.deepEqual([...stored.deletedClients], [7, 2 ** 32 - 1]);
        await bench.reopen();
      }
      assert.deepEqual(await everything(await bench.document('ab')), [...bytes(4, 3)]);
    });

    test('a document that is created again keeps its generation and its entries (I1), and continues the numbers (I3)', async (t) => {
      const bench = await setUp(t, eager);
      await bench.write('a', [bytes(4, 1), bytes(4, 2)]);
      await bench.log.delete('a', [7]);
      const { document, follower } = await bench.document('a');
      assert.equal(document.append(bytes(4, 5), 'me').seq, 3);
      document.append(bytes(7, 6), 'me');
      await follower.compactedTo(4);
      document.append(bytes(1, 7), 'me');
      await follower.durable(5);
      await bench.reopen();
      const again = await bench.document('a');
      assert.equal(again.document.stored.generation, 2);
      assert.deepEqual(await everything(again), [...bytes(4, 5), ...bytes(7, 6), ...bytes(1, 7)]);
      await again.document.close();
      await bench.log.delete('a', [8]);
      const third = await bench.document('a');
      assert.equal(third.document.stored.generation, 3);
      assert.deepEqual([...third.document.stored.deletedClients], [8, 7]);
      assert.equal(third.document.append(bytes(1), 'me').seq, 6);
    });

    test('a document that was never written, or is deleted already, cannot be deleted', async (t) => {
      const bench = await setUp(t);
      assert.equal(await bench.log.delete('a', [7]), false);
      assert.equal((await bench.document('a')).document.stored.generation, 1);
      await bench.write('b', [bytes(1)]);
      assert.equal(await bench.log.delete('b', [7]), true);
      assert.equal(await bench.log.delete('b', [8]), false);
      assert.deepEqual([...(await bench.document('b')).document.stored.deletedClients], [7]);
      await assert.rejects(bench.log.delete('', []), RangeError);
    });

    test('a document cannot be deleted while it is open, nor opened while it is being deleted', async (t) => {
      const bench = await setUp(t);
      const { document } = await bench.document('a');
      document.append(bytes(1), 'me');
      await assert.rejects(bench.log.delete('a', []), /is open/);
      const closed = document.close();
      await assert.rejects(bench.log.delete('a', []), /is open/);
      await closed;
      const deleted = bench.log.delete('a', []);
      await assert.rejects(bench.log.open('a', new RecordingFollower()), /open already/);
      await deleted;
      await bench.document('a');
    });

    test('the result of a compaction that started before the deletion is dropped, even if the document exists again', async (t) => {
      for (const recreate of [false, true]) {
        const bench = await setUp(t, eager);
        bench.fake.hold();
        await bench.write('a', [bytes(12, 1)]);
        await bench.fake.called(1);
        await bench.log.delete('a', [7]);
        if (recreate) await bench.write('a', [bytes(3, 2)]);
        bench.fake.release();
        await bench.log.settled();
        await bench.reopen();
        assert.deepEqual(await everything(await bench.document('a')), recreate ? [...bytes(3, 2)] : []);
      }
    });

    test('a pinned snapshot stays readable until it is released', async (t) => {
      const bench = await setUp(t, eager);
      const { document, follower } = await bench.document('a');
      document.append(bytes(12, 1), 'me');
      await follower.compactedTo(1);
      const pinned = document.pin();
      await document.close();
      await bench.log.delete('a', []);
      await bench.log.settled();
      assert.deepEqual(await contentOf(pinned), [...bytes(12, 1)]);
      pinned?.release();
    });

    test('40,000 client ids are kept, those of the last generation first (I7)', async (t) => {
      const bench = await setUp(t);
      for (const first of [0, 100_000]) {
        await bench.write('a', [bytes(1)]);
        await bench.log.delete('a', ids(first));
      }
      const { deletedClients } = (await bench.document('a')).document.stored;
      assert.equal(deletedClients.size, 40_000);
      assert.equal(
        ids(100_000).every((id) => deletedClients.has(id)),
        true,
      );
    });

    test('a deletion that cannot be written rejects, and the document still exists (I1, I8)', async (t) => {
      const bench = await setUp(t);
      await bench.write('a', [bytes(4, 1)]);
      bench.world.fail(new Error('disk gone'));
      await assert.rejects(bench.log.delete('a', [7]), code('LOG_REOPENING'));
      await assert.rejects(bench.log.delete('a', [7]), code('LOG_REOPENING'));
      bench.world.heal();
      await opened(bench.log);
      assert.deepEqual(await everything(await bench.document('a')), [...bytes(4, 1)]);
      await bench.log.close();
      await assert.rejects(bench.log.delete('a', [7]), code('LOG_CLOSED'));
    });

    test('a transient document is kept while it is open, and leaves no trace once it is closed', async (t) => {
      const bench = await setUp(t, eager);
      const follower = new RecordingFollower();
      const document = await bench.log.open('a', follower, { transient: true });
      document.append(bytes(12, 1), 'me');
      await follower.compactedTo(1);
      await document.close();
      // A client that opens it at once also finds it empty.
      const next = (await bench.document('a')).document;
      assert.deepEqual([next.stored.snapshot, next.stored.tail], [null, []]);
      await next.close();
      await bench.log.settled();
      const later = (await bench.document('a')).document;
      assert.equal(later.stored.generation, 1);
      assert.equal(later.append(bytes(1), 'me').seq, 1);
    });

    test('a transient document that was open when the log ended is erased when the log is opened again', async (t) => {
      const bench = await setUp(t);
      const follower = new RecordingFollower();
      const document = await bench.log.open('a', follower, { transient: true });
      document.append(bytes(12, 1), 'me');
      await follower.durable(1);
      await bench.reopen();
      await bench.log.settled();
      assert.deepEqual(await everything(await bench.document('a')), []);
    });
  });
}

function ids(first: number): number[] {
  return Array.from({ length: 30_000 }, (_, i) => first + i);
}
