import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { RecordingFollower } from '../../support/recording-follower.ts';
import { bytes, code, contentOf, eager, everything, LogFixture, never, opened } from './log-fixture.ts';
import type { LogWorld } from './log-fixture.ts';

/** The contract of deletion in every UpdateLog, for any storage. */
export function deletionContract(name: string, worldOf: (t: TestContext) => LogWorld): void {
  const setUp = (t: TestContext, compaction = never): Promise<LogFixture> => LogFixture.open(t, worldOf(t), compaction);

  suite(`deletion in ${name}`, () => {
    test('a deleted document is empty and has a new generation, which knows the clients that wrote the old ones', async (t) => {
      const fixture = await setUp(t);
      await fixture.write('a', [bytes(4, 1), bytes(4, 2)]);
      await fixture.write('ab', [bytes(4, 3)]);
      assert.equal(await fixture.log.delete('a', [7, 2 ** 32 - 1]), true);
      for (let i = 0; i < 2; i += 1) {
        const { stored } = (await fixture.document('a')).document;
        assert.deepEqual(stored.tail, []);
        assert.equal(stored.snapshot, null);
        assert.equal(stored.generation, 2);
        assert.deepEqual([...stored.deletedClients], [7, 2 ** 32 - 1]);
        await fixture.reopen();
      }
      assert.deepEqual(await everything(await fixture.document('ab')), [...bytes(4, 3)]);
    });

    test('a document that is created again keeps its generation and its entries (I1), and continues the numbers (I3)', async (t) => {
      const fixture = await setUp(t, eager);
      await fixture.write('a', [bytes(4, 1), bytes(4, 2)]);
      await fixture.log.delete('a', [7]);
      const { document, follower } = await fixture.document('a');
      assert.equal(document.append(bytes(4, 5), 'me').seq, 3);
      document.append(bytes(7, 6), 'me');
      await follower.compactedTo(4);
      document.append(bytes(1, 7), 'me');
      await follower.durable(5);
      await fixture.reopen();
      const again = await fixture.document('a');
      assert.equal(again.document.stored.generation, 2);
      assert.deepEqual(await everything(again), [...bytes(4, 5), ...bytes(7, 6), ...bytes(1, 7)]);
      await again.document.close();
      await fixture.log.delete('a', [8]);
      const third = await fixture.document('a');
      assert.equal(third.document.stored.generation, 3);
      assert.deepEqual([...third.document.stored.deletedClients], [8, 7]);
      assert.equal(third.document.append(bytes(1), 'me').seq, 6);
    });

    test('a document that was never written, or is deleted already, cannot be deleted', async (t) => {
      const fixture = await setUp(t);
      assert.equal(await fixture.log.delete('a', [7]), false);
      assert.equal((await fixture.document('a')).document.stored.generation, 1);
      await fixture.write('b', [bytes(1)]);
      assert.equal(await fixture.log.delete('b', [7]), true);
      assert.equal(await fixture.log.delete('b', [8]), false);
      assert.deepEqual([...(await fixture.document('b')).document.stored.deletedClients], [7]);
      await assert.rejects(fixture.log.delete('', []), RangeError);
    });

    test('a document cannot be deleted while it is open, nor opened while it is being deleted', async (t) => {
      const fixture = await setUp(t);
      const { document } = await fixture.document('a');
      document.append(bytes(1), 'me');
      await assert.rejects(fixture.log.delete('a', []), /is open/);
      const closed = document.close();
      await assert.rejects(fixture.log.delete('a', []), /is open/);
      await closed;
      const deleted = fixture.log.delete('a', []);
      await assert.rejects(fixture.log.open('a', new RecordingFollower()), /open already/);
      await deleted;
      await fixture.document('a');
    });

    test('the result of a compaction that started before the deletion is dropped, even if the document exists again', async (t) => {
      for (const recreate of [false, true]) {
        const fixture = await setUp(t, eager);
        fixture.fake.hold();
        await fixture.write('a', [bytes(12, 1)]);
        await fixture.fake.called(1);
        await fixture.log.delete('a', [7]);
        if (recreate) await fixture.write('a', [bytes(3, 2)]);
        fixture.fake.release();
        await fixture.log.settled();
        await fixture.reopen();
        assert.deepEqual(await everything(await fixture.document('a')), recreate ? [...bytes(3, 2)] : []);
      }
    });

    test('a pinned snapshot stays readable until it is released', async (t) => {
      const fixture = await setUp(t, eager);
      const { document, follower } = await fixture.document('a');
      document.append(bytes(12, 1), 'me');
      await follower.compactedTo(1);
      const pinned = document.pin();
      await document.close();
      await fixture.log.delete('a', []);
      await fixture.log.settled();
      assert.deepEqual(await contentOf(pinned), [...bytes(12, 1)]);
      pinned?.release();
    });

    test('40,000 client ids are kept, those of the last generation first (I7)', async (t) => {
      const fixture = await setUp(t);
      for (const first of [0, 100_000]) {
        await fixture.write('a', [bytes(1)]);
        await fixture.log.delete('a', ids(first));
      }
      const { deletedClients } = (await fixture.document('a')).document.stored;
      assert.equal(deletedClients.size, 40_000);
      assert.equal(
        ids(100_000).every((id) => deletedClients.has(id)),
        true,
      );
    });

    test('a deletion that cannot be written rejects, and the document still exists (I1, I8)', async (t) => {
      const fixture = await setUp(t);
      await fixture.write('a', [bytes(4, 1)]);
      fixture.world.fail(new Error('disk gone'));
      await assert.rejects(fixture.log.delete('a', [7]), code('LOG_REOPENING'));
      await assert.rejects(fixture.log.delete('a', [7]), code('LOG_REOPENING'));
      fixture.world.heal();
      await opened(fixture.log);
      assert.deepEqual(await everything(await fixture.document('a')), [...bytes(4, 1)]);
      await fixture.log.close();
      await assert.rejects(fixture.log.delete('a', [7]), code('LOG_CLOSED'));
    });

    test('a transient document is kept while it is open, and leaves no trace once it is closed', async (t) => {
      const fixture = await setUp(t, eager);
      const follower = new RecordingFollower();
      const document = await fixture.log.open('a', follower, { transient: true });
      document.append(bytes(12, 1), 'me');
      await follower.compactedTo(1);
      await document.close();
      // A client that opens it at once also finds it empty.
      const next = (await fixture.document('a')).document;
      assert.deepEqual([next.stored.snapshot, next.stored.tail], [null, []]);
      await next.close();
      await fixture.log.settled();
      const later = (await fixture.document('a')).document;
      assert.equal(later.stored.generation, 1);
      assert.equal(later.append(bytes(1), 'me').seq, 1);
    });

    test('a transient document that was open when the log ended is erased when the log is opened again', async (t) => {
      const fixture = await setUp(t);
      const follower = new RecordingFollower();
      const document = await fixture.log.open('a', follower, { transient: true });
      document.append(bytes(12, 1), 'me');
      await follower.durable(1);
      await fixture.reopen();
      await fixture.log.settled();
      assert.deepEqual(await everything(await fixture.document('a')), []);
    });
  });
}

function ids(first: number): number[] {
  return Array.from({ length: 30_000 }, (_, i) => first + i);
}
