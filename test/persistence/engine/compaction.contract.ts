import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { TestContext } from 'node:test';
import { bytes, contentOf, eager, LogFixture } from './log-fixture.ts';
import type { LogWorld } from './log-fixture.ts';

/** The contract of compaction in every UpdateLog, for any storage. */
export function compactionContract(name: string, worldOf: (t: TestContext) => LogWorld): void {
  const setUp = (t: TestContext): Promise<LogFixture> => LogFixture.open(t, worldOf(t), eager);

  suite(`compaction in ${name}`, () => {
    test('a tail that has outgrown the snapshot is folded; opening reads the snapshot and the entries after it', async (t) => {
      const fixture = await setUp(t);
      const { document, follower } = await fixture.document('a');
      for (let i = 1; i <= 3; i += 1) document.append(bytes(4, i), 'me');
      await follower.compactedTo(3);
      const last = document.append(bytes(4, 4), 'you');
      await follower.durable(4);
      assert.equal(follower.compactions.length, 1);
      await fixture.reopen();
      const again = (await fixture.document('a')).document;
      assert.deepEqual(again.stored.tail, [last]);
      assert.deepEqual(again.stored.snapshot, follower.compactions[0]?.snapshot);
      assert.deepEqual(again.stored.snapshot?.stateVector, Uint8Array.of(1, 2, 3));
      assert.equal(again.stored.createdMs, follower.entries[0]?.timeMs);
      assert.deepEqual(
        await contentOf(again.pin()),
        [bytes(4, 1), bytes(4, 2), bytes(4, 3)].flatMap((u) => [...u]),
      );
    });

    test('a pinned snapshot stays readable after newer ones have replaced it, until it is released', async (t) => {
      const fixture = await setUp(t);
      fixture.fake.partBytes = 5;
      const { document, follower } = await fixture.document('a');
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

    test('entries that poison the document are set aside and named; sequence numbers continue', async (t) => {
      const fixture = await setUp(t);
      const { document, follower } = await fixture.document('a');
      document.append(bytes(4, 1), 'me');
      document.append(bytes(4, 0xff), 'mallory');
      document.append(bytes(4, 3), 'me');
      await follower.compactedTo(3);
      assert.deepEqual(follower.compactions[0]?.setAside, [2]);
      assert.deepEqual(await contentOf(document.pin()), [...bytes(4, 1), ...bytes(4, 3)]);
      assert.equal(document.append(bytes(1), 'me').seq, 4);
    });

    test('a pending update of the snapshot that poisons the document is also set aside', async (t) => {
      const fixture = await setUp(t);
      fixture.fake.waitingSetAside = bytes(3, 7);
      const { document, follower } = await fixture.document('a');
      document.append(bytes(4, 1), 'me');
      document.append(bytes(4, 2), 'me');
      document.append(bytes(4, 0xff), 'mallory');
      await follower.compactedTo(3);
      assert.deepEqual(follower.compactions[0]?.setAside, [3, 2]);
      assert.deepEqual(await contentOf(document.pin()), [...bytes(4, 1), ...bytes(4, 2)]);
    });

    test('a failed compaction changes nothing, and is retried when the tail has doubled', async (t) => {
      const fixture = await setUp(t);
      fixture.fake.failure = new Error('cannot fold');
      const { document, follower } = await fixture.document('a');
      document.append(bytes(10, 1), 'me');
      await fixture.fake.called(1);
      for (let i = 2; i <= 10; i += 1) {
        document.append(bytes(1, i), 'me');
        await follower.durable(i);
      }
      assert.equal(fixture.fake.inputs.length, 1);
      fixture.fake.failure = null;
      document.append(bytes(1, 11), 'me');
      await follower.compactedTo(11);
      assert.equal(fixture.fake.inputs.length, 2);
      assert.equal((await contentOf(document.pin())).length, 20);
    });

    test('entries appended while a compaction runs stay in the tail', async (t) => {
      const fixture = await setUp(t);
      fixture.fake.hold();
      const { document, follower } = await fixture.document('a');
      document.append(bytes(10, 1), 'me');
      await fixture.fake.called(1);
      document.append(bytes(8, 2), 'me');
      await follower.durable(2);
      fixture.fake.release();
      await follower.compactedTo(1);
      await fixture.reopen();
      const again = (await fixture.document('a')).document;
      assert.deepEqual(
        again.stored.tail.map(({ seq }) => seq),
        [2],
      );
      assert.deepEqual(await contentOf(again.pin()), [...bytes(10, 1)]);
    });

    test('the tail left after a compaction counts towards the next one', async (t) => {
      const fixture = await setUp(t);
      fixture.fake.hold();
      const { document, follower } = await fixture.document('a');
      document.append(bytes(10, 1), 'me');
      await fixture.fake.called(1);
      document.append(bytes(8, 2), 'me');
      await follower.durable(2);
      fixture.fake.release();
      await follower.compactedTo(1);
      document.append(bytes(2, 3), 'me');
      await follower.compactedTo(3);
    });

    test('a document can be closed, reopened and appended to while it is being compacted', async (t) => {
      const fixture = await setUp(t);
      fixture.fake.hold();
      const first = await fixture.document('a');
      first.document.append(bytes(10, 1), 'me');
      await fixture.fake.called(1);
      await first.document.close();
      const second = await fixture.document('a');
      assert.equal(second.document.stored.snapshot, null);
      assert.equal(second.document.append(bytes(1, 2), 'me').seq, 2);
      fixture.fake.release();
      await second.follower.compactedTo(1);
      assert.equal(first.follower.compactions.length, 0);
      assert.deepEqual(await contentOf(second.document.pin()), [...bytes(10, 1)]);
    });

    test('a document closed with a tail worth folding is folded in the background', async (t) => {
      const fixture = await setUp(t);
      const { document } = await fixture.document('a');
      for (let i = 1; i <= 4; i += 1) document.append(bytes(2, i), 'me');
      await document.close();
      await fixture.fake.called(1);
      assert.equal(fixture.fake.inputs[0]?.entries.length, 4);
    });

    test('closing never waits for a compaction; its result is dropped', async (t) => {
      const fixture = await setUp(t);
      fixture.fake.hold();
      const { document, follower } = await fixture.document('a');
      document.append(bytes(10, 1), 'me');
      await fixture.fake.called(1);
      await document.close();
      await fixture.log.close();
      fixture.fake.release();
      await fixture.reopen();
      const again = (await fixture.document('a')).document;
      assert.equal(again.stored.snapshot, null);
      assert.equal(again.stored.tail.length, 1);
      assert.equal(follower.compactions.length, 0);
    });
  });
}
