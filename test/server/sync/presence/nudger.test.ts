import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RoomFixture } from '../../../support/room-fixture.ts';
import type { FakePeer } from '../../../support/room-fixture.ts';
import { encodeEntries, readEntries } from '../../../support/frames.ts';

/** The first entry of each nudge that a peer has got since the last call. */
const nudgesOf = (peer: FakePeer) => peer.presence.splice(0).map((states) => readEntries(states)[0]);

function announce(fixture: RoomFixture, peer: FakePeer, client: number, clock = 1): void {
  const states = encodeEntries([{ client, clock, state: '{}' }]);
  if (fixture.room.presence.apply(peer, states, 0)) fixture.room.announced(peer);
  fixture.room.presenceChanged();
}

test('a new client is nudged at once, and the others once, after 200 ms', async (t) => {
  const fixture = await RoomFixture.load(t);
  const [ada, bob] = [fixture.join('ada'), fixture.join('bob')];
  announce(fixture, ada, 1);
  fixture.passMs(200);
  nudgesOf(ada);
  announce(fixture, bob, 2, 7);
  assert.deepEqual(nudgesOf(bob), [{ client: 2, clock: 8, state: '{}' }]);
  fixture.passMs(199);
  assert.deepEqual(nudgesOf(ada), []);
  fixture.passMs(1);
  assert.deepEqual(nudgesOf(ada), [{ client: 1, clock: 2, state: '{}' }]);
  fixture.passMs(10_000);
  assert.deepEqual([nudgesOf(ada), nudgesOf(bob)], [[], []]);
});

test('I7: many clients that join together cause one nudge for each present client', async (t) => {
  const fixture = await RoomFixture.load(t);
  const here = fixture.join('here');
  announce(fixture, here, 1);
  fixture.passMs(200);
  nudgesOf(here);
  const newcomers = Array.from({ length: 50 }, (_, i) => fixture.join(`user ${i}`));
  for (const [i, peer] of newcomers.entries()) announce(fixture, peer, 100 + i);
  fixture.passMs(200);
  assert.equal(nudgesOf(here).length, 1);
  for (const peer of newcomers) assert.equal(nudgesOf(peer).length, 1);
});

test('a later announcement of a client nudges no client', async (t) => {
  const fixture = await RoomFixture.load(t);
  const [ada, bob] = [fixture.join('ada'), fixture.join('bob')];
  announce(fixture, ada, 1);
  announce(fixture, bob, 2);
  fixture.passMs(200);
  nudgesOf(ada);
  nudgesOf(bob);
  for (let clock = 2; clock < 10; clock++) announce(fixture, ada, 1, clock);
  fixture.passMs(1_000);
  assert.deepEqual([nudgesOf(ada), nudgesOf(bob)], [[], []]);
});

test('a client that has left meanwhile is not nudged', async (t) => {
  const fixture = await RoomFixture.load(t);
  const [ada, bob] = [fixture.join('ada'), fixture.join('bob')];
  announce(fixture, ada, 1);
  fixture.passMs(200);
  nudgesOf(ada);
  announce(fixture, bob, 2);
  fixture.room.leave(ada);
  fixture.passMs(200);
  assert.deepEqual(nudgesOf(ada), []);
});

test('clients without presence see the others too: one nudge for each present client, however many join', async (t) => {
  const fixture = await RoomFixture.load(t);
  const ada = fixture.join('ada');
  announce(fixture, ada, 1);
  fixture.passMs(200);
  nudgesOf(ada);
  const spectators = ['bob', 'eve'].map((name) => fixture.join(name));
  fixture.passMs(199);
  assert.deepEqual(nudgesOf(ada), []);
  fixture.passMs(1);
  assert.deepEqual(nudgesOf(ada), [{ client: 1, clock: 2, state: '{}' }]);
  for (const peer of spectators) assert.deepEqual(nudgesOf(peer), []);
});

test('clients that were nudged are nudged again if another client reconnects within 200 ms', async (t) => {
  const fixture = await RoomFixture.load(t);
  const [ada, eve] = [fixture.join('ada'), fixture.join('eve')];
  const bob = fixture.join('bob');
  announce(fixture, ada, 1);
  announce(fixture, eve, 2);
  announce(fixture, bob, 3);
  fixture.passMs(100);
  for (const peer of [ada, eve]) nudgesOf(peer);
  fixture.room.leave(bob);
  const back = fixture.join('bob');
  announce(fixture, back, 3);
  assert.equal(nudgesOf(back).length, 1);
  fixture.passMs(100);
  assert.deepEqual([nudgesOf(ada).length, nudgesOf(eve).length, nudgesOf(back).length], [1, 1, 0]);
});

test('I7: of many clients that join together none is nudged more than twice', async (t) => {
  const fixture = await RoomFixture.load(t);
  const peers = Array.from({ length: 50 }, (_, i) => {
    const peer = fixture.join(`user ${i}`);
    announce(fixture, peer, 100 + i);
    return peer;
  });
  fixture.passMs(200);
  const nudges = peers.map(
    (peer) => nudgesOf(peer).filter((entry) => entry?.client === 100 + peers.indexOf(peer)).length,
  );
  assert.ok(Math.max(...nudges) <= 2, String(nudges));
});

test('I6: an error while a room is nudged ends only that room', async (t) => {
  const fixture = await RoomFixture.load(t);
  const [ada, bob] = [fixture.join('ada'), fixture.join('bob')];
  announce(fixture, ada, 1);
  fixture.passMs(200);
  announce(fixture, bob, 2);
  t.mock.method(ada, 'deliverPresence', () => {
    throw new Error('broken');
  });
  fixture.passMs(200);
  assert.deepEqual(
    fixture.failures.map(({ message }) => message),
    ['broken'],
  );
  assert.equal(ada.refusal?.code, 'internal');
});
