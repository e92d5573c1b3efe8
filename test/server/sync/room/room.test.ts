import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { LogError } from '../../../../persistence/errors.ts';
import { scanUpdate } from '../../../../persistence/update/scan.ts';
import { presenceBatchMs, updateBatchMs } from '../../../../server/sync/room/ticker.ts';
import { FakeLog } from '../../../support/fake-log.ts';
import { RoomFixture } from '../../../support/room-fixture.ts';
import { encodeEntries, readEntries } from '../../../support/frames.ts';
import { textFrom, Typist } from '../../../support/shared-text.ts';
import { storedSnapshot } from '../../../support/stored-snapshot.ts';

test('I2: no peer is told of an edit before it is committed, and then all peers are, including the author', async (t) => {
  const fixture = await RoomFixture.load(t);
  const [author, other] = [fixture.join(), fixture.join('bob')];
  const update = new Typist().type('x');
  assert.equal(fixture.submit(update), 'appended');
  fixture.room.awaitCommit(author);
  fixture.passMs(1_000);
  assert.deepEqual([author.calls, other.calls], [[], []]);
  assert.equal(fixture.room.durableSeq, 0);
  fixture.commit();
  assert.deepEqual([author.calls, other.calls], [['deliver', 'committed'], ['deliver']]);
  assert.deepEqual(author.updates, [update]);
  assert.equal(author.broadcasts[0], other.broadcasts[0]);
});

test('I2: an edit in flight is neither in the durable state nor in the tail', async (t) => {
  const fixture = await RoomFixture.load(t);
  fixture.submit(new Typist().type('x'));
  assert.deepEqual(fixture.room.durable.encodeStateVector(), Uint8Array.of(0));
  assert.deepEqual(fixture.room.tail.after(0), []);
  fixture.commit();
  assert.notDeepEqual(fixture.room.durable.encodeStateVector(), Uint8Array.of(0));
  assert.deepEqual(
    fixture.room.tail.after(0).map(({ lastSeq }) => lastSeq),
    [1],
  );
});

test('I3: a commit of some pending edits delivers these, and the others follow in order', async (t) => {
  const fixture = await RoomFixture.load(t);
  const peer = fixture.join();
  const typist = new Typist();
  for (const word of ['a', 'b', 'c', 'd']) fixture.submit(typist.type(word));
  fixture.commit(3);
  assert.equal(textFrom(...peer.updates), 'abc');
  assert.equal(fixture.room.durableSeq, 3);
  assert.equal(fixture.room.acceptedSeq, 4);
  fixture.becomeBusy();
  fixture.commit();
  assert.equal(peer.updates.length, 1, 'a busy room batches');
  fixture.passMs();
  assert.equal(textFrom(...peer.updates), 'abcd');
});

test('a commit is sent as one message, and a busy room sends several commits as one', async (t) => {
  const fixture = await RoomFixture.load(t);
  const peer = fixture.join();
  const typist = new Typist();
  fixture.submit(typist.type('at once '));
  fixture.commit();
  fixture.becomeBusy();
  for (let i = 0; i < 20; i++) {
    fixture.submit(typist.type(String(i)));
    if (i % 2 === 1) fixture.commit();
  }
  fixture.passMs();
  assert.equal(peer.broadcasts.length, 2);
  assert.equal(fixture.stats.broadcasts, 2);
  assert.equal(textFrom(...peer.updates), typist.text);
});

test('presence needs no commit, and is sent in one broadcast with edits', async (t) => {
  const fixture = await RoomFixture.load(t);
  const [ada, bob] = [fixture.join(), fixture.join('bob')];
  const announce = (clock: number) => {
    fixture.room.presence.apply(ada, encodeEntries([{ client: 1, clock, state: '{}' }]), 0);
    fixture.room.presenceChanged();
  };
  announce(1);
  assert.equal(bob.broadcasts.length, 1);
  fixture.becomeBusy();
  announce(2);
  announce(3);
  fixture.submit(new Typist().type('x'));
  fixture.commit();
  fixture.passMs();
  assert.equal(bob.broadcasts.length, 2);
  assert.notEqual(bob.broadcasts[1]!.update, null);
  assert.deepEqual(
    readEntries(bob.broadcasts[1]!.presence!).map((entry) => entry.clock),
    [3],
  );
});

test('a busy room batches presence for 20 ms, but an edit does not wait for that', async (t) => {
  const fixture = await RoomFixture.load(t);
  const [ada, bob] = [fixture.join(), fixture.join('bob')];
  const typist = new Typist();
  const announce = (clock: number) => {
    fixture.room.presence.apply(ada, encodeEntries([{ client: 1, clock, state: '{}' }]), 0);
    fixture.room.presenceChanged();
  };
  announce(1);
  fixture.becomeBusy();
  for (let clock = 2; clock < 6; clock++) {
    announce(clock);
    assert.equal(bob.broadcasts.length, 1);
    fixture.passMs(presenceBatchMs / 4);
  }
  assert.equal(bob.broadcasts.length, 2);
  assert.deepEqual(
    readEntries(bob.broadcasts[1]!.presence!).map((entry) => entry.clock),
    [5],
  );
  fixture.submit(typist.type('x'));
  fixture.commit();
  fixture.passMs(updateBatchMs);
  assert.equal(bob.broadcasts.length, 3);
  fixture.passMs(presenceBatchMs);
  assert.equal(bob.broadcasts.length, 3);
});

test('a peer that leaves is told nothing any more, and its presence is removed', async (t) => {
  const fixture = await RoomFixture.load(t);
  const [ada, bob] = [fixture.join(), fixture.join('bob')];
  fixture.room.presence.apply(ada, encodeEntries([{ client: 1, clock: 1, state: '{}' }]), 0);
  fixture.room.presenceChanged();
  fixture.room.awaitCommit(ada);
  fixture.submit(new Typist().type('x'));
  fixture.room.leave(ada);
  fixture.room.leave(ada);
  fixture.passMs();
  fixture.commit();
  fixture.passMs();
  assert.deepEqual(ada.calls, ['deliver']);
  assert.equal(readEntries(bob.broadcasts[1]!.presence!)[0]?.state, null);
});

test('entries of another writer are delivered like those of the room', async (t) => {
  const fixture = await RoomFixture.load(t);
  const peer = fixture.join();
  const typist = new Typist();
  fixture.submit(typist.type('own '));
  fixture.commit();
  const update = typist.type('foreign');
  fixture.log.document('doc').handle!.follower.committed([{ seq: 2, timeMs: 0, userId: 'other', update }]);
  fixture.passMs();
  assert.equal(textFrom(...peer.updates), 'own foreign');
  assert.equal(fixture.room.durableSeq, 2);
});

test('a stored document is loaded from its snapshot, the edits that wait in it, and its tail', async (t) => {
  const log = new FakeLog();
  const [ada, bob] = [new Typist(), new Typist()];
  const missing = bob.type('missing ');
  const waiting = bob.type('waiting');
  const folded = [ada.type('folded '), ada.delete(0, 1), waiting];
  log.store('doc', [ada.type('tail')], storedSnapshot(folded, 3));
  const fixture = await RoomFixture.load(t, log);
  assert.equal(fixture.room.durableSeq, 4);
  assert.equal(fixture.room.acceptedSeq, 4);
  assert.deepEqual(fixture.room.durable.encodeStateVector(), Y.encodeStateVector(ada.doc));
  assert.equal(fixture.submit(waiting), 'known-waiting');
  for (const update of ada.updates) assert.equal(fixture.submit(update), 'known');
  assert.equal(fixture.submit(missing), 'appended');
  assert.equal(fixture.submit(waiting), 'known');
  assert.equal(fixture.log.pending('doc')[0]?.seq, 5);
});

test('I1, I8: a failed write ends all peers with 4503 and acknowledges none of the pending edits', async (t) => {
  const fixture = await RoomFixture.load(t);
  const peer = fixture.join();
  fixture.submit(new Typist().type('lost'));
  fixture.room.awaitCommit(peer);
  fixture.log.fail('doc');
  fixture.passMs();
  assert.deepEqual(peer.calls, ['end']);
  assert.equal(peer.refusal?.code, 'storage-unavailable');
  assert.equal(fixture.failures.length, 1);
  assert.throws(() => fixture.submit(new Typist().type('x')), LogError);
});

test('edits that were durable before a failure are delivered before the peers are ended', async (t) => {
  const fixture = await RoomFixture.load(t);
  const peer = fixture.join();
  const typist = new Typist();
  for (const word of ['a', 'b']) {
    fixture.submit(typist.type(word));
    fixture.commit();
  }
  fixture.submit(typist.type('lost'));
  fixture.log.fail('doc');
  assert.deepEqual(peer.calls, ['deliver', 'deliver', 'end']);
  assert.equal(textFrom(...peer.updates), 'ab');
});

test('compaction removes the folded entries from the tail and keeps the later ones', async (t) => {
  const fixture = await RoomFixture.load(t);
  const typist = new Typist();
  const updates = ['a', 'b', 'c'].map((word) => typist.type(word));
  for (const update of updates) {
    fixture.submit(update);
    fixture.commit();
    fixture.passMs();
  }
  fixture.log.compact('doc', storedSnapshot(updates.slice(0, 2), 2));
  assert.deepEqual(
    fixture.room.tail.after(0).map(({ lastSeq }) => lastSeq),
    [3],
  );
  assert.equal(fixture.room.pin()?.snapshot.seq, 2);
});

test('a tail that joins have pinned stays until the last of them is done', async (t) => {
  const fixture = await RoomFixture.load(t);
  const typist = new Typist();
  const updates = ['a', 'b'].map((word) => typist.type(word));
  for (const update of updates) {
    fixture.submit(update);
    fixture.commit();
    fixture.passMs();
  }
  const pins = [fixture.room.pin(), fixture.room.pin()];
  fixture.log.compact('doc', storedSnapshot(updates, 2));
  assert.equal(fixture.room.tail.after(0).length, 2);
  assert.equal(fixture.room.isIdle, false);
  fixture.room.unpin(pins[0]!);
  assert.equal(fixture.room.tail.after(0).length, 2);
  fixture.room.unpin(pins[1]!);
  assert.equal(fixture.room.tail.after(0).length, 0);
  assert.equal(fixture.room.isIdle, true);
});

test('the room adopts deletions that compaction has found, such as a child of a deleted parent', async (t) => {
  const fixture = await RoomFixture.load(t);
  const [ada, bob] = [new Typist(), new Typist()];
  const parent = new Y.Map();
  ada.doc.getMap().set('parent', parent);
  bob.hear(ada.last);
  ada.doc.getMap().delete('parent');
  (bob.doc.getMap().get('parent') as Y.Map<string>).set('child', 'of the dead');
  const updates = [...ada.updates, ...bob.updates];
  for (const update of updates) fixture.submit(update);
  fixture.commit();
  const stored = storedSnapshot(updates, updates.length);
  const deletions = scanUpdate(Uint8Array.of(0, ...stored.snapshot.deleteSet));
  assert.equal(fixture.room.knows(deletions), false);
  fixture.log.compact('doc', stored);
  assert.equal(fixture.room.knows(deletions), true);
  assert.deepEqual(fixture.room.durable.encodeDeleteSet(), stored.snapshot.deleteSet);
});

test('when compaction sets entries aside, all peers are ended so that they load the document again', async (t) => {
  const fixture = await RoomFixture.load(t);
  const peer = fixture.join();
  const updates = [new Typist().type('good'), new Typist().type('poison')];
  for (const update of updates) fixture.submit(update);
  fixture.commit();
  fixture.log.compact('doc', storedSnapshot(updates.slice(0, 1), 2), [2]);
  assert.equal(peer.refusal?.code, 'storage-unavailable');
  assert.equal(fixture.failures.length, 1);
});

test('a room is idle only without peers and without edits in flight', async (t) => {
  const fixture = await RoomFixture.load(t);
  assert.equal(fixture.room.isIdle, true);
  const peer = fixture.join();
  assert.equal(fixture.room.isIdle, false);
  fixture.submit(new Typist().type('x'));
  fixture.room.leave(peer);
  assert.equal(fixture.room.isIdle, false);
  fixture.commit();
  assert.equal(fixture.room.isIdle, true);
});
