import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { scanUpdate } from '../../../../persistence/update/scan.ts';
import { RoomFixture } from '../../../support/room-fixture.ts';
import { FakeLog } from '../../../support/fake-log.ts';
import { limited, malformed } from '../../../support/refused.ts';
import { textFrom, Typist } from '../../../support/shared-text.ts';
import { deletionsOf, struct, updateOf } from '../../../support/update-bytes.ts';

const emptyUpdate = Uint8Array.of(0, 0);

test('a duplicate is known and not appended, even while the original is in flight', async (t) => {
  const fixture = await RoomFixture.load(t);
  const typist = new Typist();
  const [first, second] = [typist.type('a'), typist.type('b')];
  fixture.submit(first);
  assert.equal(fixture.submit(first), 'known');
  assert.equal(fixture.submit(emptyUpdate), 'known');
  fixture.submit(second);
  assert.equal(fixture.submit(Y.mergeUpdates([first, second])), 'known');
  assert.equal(fixture.log.pending('doc').length, 2);
  assert.equal(fixture.stats.updatesKnown, 3);
  assert.equal(fixture.submit(typist.type('c')), 'appended');
});

test('an edit with a gap is accepted only in a SyncStep2', async (t) => {
  const fixture = await RoomFixture.load(t);
  const typist = new Typist();
  const missing = typist.type('missing ');
  const update = typist.type('x');
  assert.equal(fixture.submit(update), 'gap');
  assert.equal(fixture.log.pending('doc').length, 0);
  assert.equal(fixture.submit(update, true), 'appended-with-gap');
  assert.equal(fixture.submit(update), 'known-waiting');
  assert.equal(fixture.submit(missing), 'appended');
  assert.equal(fixture.submit(update), 'known');
  const { stats } = fixture;
  assert.deepEqual([stats.updatesWithGap, stats.gapsStored, stats.updatesAppended], [1, 1, 2]);
});

test('I7: a SyncStep2 that would leave a megabyte waiting is refused, and a smaller update is accepted after it', async (t) => {
  const fixture = await RoomFixture.load(t);
  const answers = Array.from({ length: 12 }, () => {
    const typist = new Typist();
    typist.type('missing');
    return typist.type('x'.repeat(100_000));
  });
  assert.throws(() => {
    for (const answer of answers) fixture.submit(answer, true);
  }, malformed);
  assert.equal(fixture.log.pending('doc').length, 10);
  assert.equal(fixture.submit(new Typist().type('fits')), 'appended');
});

test('I7: deletions that wait count like edits that wait, in every SyncStep2', async (t) => {
  const fixture = await RoomFixture.load(t);
  fixture.submit(deletionsOf(1, 100, 30_000), true);
  assert.throws(() => fixture.submit(deletionsOf(2, 100, 40_000), true), limited('waiting-edits'));
  assert.throws(() => fixture.submit(deletionsOf(1, 1_000_000, 40_000), true), limited('waiting-edits'));
  assert.equal(fixture.submit(deletionsOf(2, 100, 30_000), true), 'appended-with-gap');
  assert.ok(fixture.room.memoryBytes < 3_000_000);
  // They are known, and stop waiting when the structs that they delete have arrived.
  assert.equal(fixture.submit(deletionsOf(1, 100, 30_000), true), 'known-waiting');
  for (const client of [1, 2]) fixture.submit(updateOf([{ client, clock: 0, structs: [struct.gc(70_000)] }]));
  for (const client of [1, 2]) assert.equal(fixture.submit(deletionsOf(client, 100, 30_000), true), 'known');
  assert.equal(fixture.submit(deletionsOf(3, 100, 60_000), true), 'appended-with-gap');
});

test('I7: a SyncStep2 of any size is accepted if only a deletion in it has a gap', async (t) => {
  const fixture = await RoomFixture.load(t);
  const structs = [struct.text('x'.repeat(3_000_000))];
  assert.equal(fixture.submit(updateOf([{ client: 1, clock: 0, structs }], [2, 5, 1]), true), 'appended-with-gap');
});

test('I7: the deleted ranges of a document are limited, and a document at the limit accepts deletions that join them', async (t) => {
  const fixture = await RoomFixture.load(t);
  fixture.submit(updateOf([{ client: 1, clock: 0, structs: [struct.gc(4_000_000)] }]));
  fixture.submit(deletionsOf(1, 0, 300_000, 4));
  assert.throws(() => fixture.submit(deletionsOf(1, 2, 300_000, 4)), limited('deleted-ranges'));
  fixture.submit(deletionsOf(1, 2, 200_000, 4));
  assert.throws(() => fixture.submit(deletionsOf(1, 3_000_000, 1)), limited('deleted-ranges'));
  // A client that reconnects sends all of them again.
  assert.equal(fixture.submit(deletionsOf(1, 0, 300_000, 4)), 'known');
  assert.equal(fixture.submit(deletionsOf(1, 1, 200_000, 4)), 'appended');
  assert.equal(fixture.submit(deletionsOf(1, 3_000_000, 1)), 'appended');
  assert.equal(fixture.submit(updateOf([], [1, 0, 4_000_000])), 'appended');
  assert.ok(fixture.room.memoryBytes < 30_000_000);
});

test('I7: a full document accepts deletions that shrink it, and others up to an eighth of its size', async (t) => {
  const fixture = await RoomFixture.load(t, new FakeLog(), 100_000);
  const typist = new Typist(1);
  fixture.submit(typist.type('x'.repeat(200_000)));
  fixture.commit();
  fixture.passMs();
  assert.throws(() => fixture.submit(typist.type('y')), limited('document-size'));
  assert.equal(fixture.submit(deletionsOf(1, 0, 400)), 'appended');
  assert.throws(() => fixture.submit(deletionsOf(1, 10_000, 1_000)), limited('document-size'));
  // The limit also holds for deletions that arrive one by one.
  let taken = 0;
  assert.throws(() => {
    for (; taken < 1_000; taken++) fixture.submit(deletionsOf(1, 20_000 + 2 * taken, 1));
  }, limited('document-size'));
  assert.ok(taken > 50 && taken < 200, `${taken} more`);
  assert.equal(fixture.submit(updateOf([], [1, 0, 1_000])), 'appended', 'joins them');
  assert.equal(fixture.submit(updateOf([], [1, 100_000, 90_000])), 'appended', 'frees much');
});

test('a client id with both structs and deletions counts once as a new client id of its connection', async (t) => {
  const fixture = await RoomFixture.load(t);
  const author = { userId: 'ada', newClientsLeft: 10_000, unsavedBytes: 0 };
  const clients = Array.from({ length: 9_000 }, (_, i) => 20_000 - i);
  const update = updateOf(
    clients.map((client) => ({ client, clock: 0, structs: [struct.text('abc')] })),
    clients.flatMap((client) => [client, 1, 1]),
  );
  assert.equal(fixture.room.submit(update, scanUpdate(update), true, author), 'appended');
  assert.equal(author.newClientsLeft, 1_000);
});

test('known deletions are removed from an update before it is stored and sent', async (t) => {
  const fixture = await RoomFixture.load(t);
  const peer = fixture.join();
  const typist = new Typist();
  fixture.submit(typist.type('abcdefghij'));
  for (const index of [8, 4, 0]) fixture.submit(typist.delete(index, 1));
  fixture.commit();
  typist.type('!');
  const answer = typist.answerTo(fixture.room.durable.encodeStateVector());
  assert.equal(scanUpdate(answer).deletes.length, 9);
  assert.equal(fixture.submit(answer, true), 'appended');
  const [entry] = fixture.log.pending('doc');
  assert.deepEqual(scanUpdate(entry!.update).deletes, []);
  fixture.commit();
  fixture.passMs();
  assert.equal(textFrom(...peer.updates), typist.text);
});

test('the appended update is a copy, because the receive buffer is reused', async (t) => {
  const fixture = await RoomFixture.load(t);
  const typist = new Typist();
  const received = Uint8Array.from(typist.type('x'));
  fixture.submit(received);
  received.fill(0xee);
  assert.deepEqual(fixture.log.pending('doc')[0]?.update, typist.last);
});
