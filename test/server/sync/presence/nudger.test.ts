import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RoomBench, type FakePeer } from '../../../support/fake-room.ts';
import { encodeEntries, readEntries } from '../../../support/frames.ts';

/** The first entry of each nudge that a peer has got since the last call. */
const nudgesOf = (peer: FakePeer) => peer.presence.splice(0).map((states) => readEntries(states)[0]);

function announce(bench: RoomBench, peer: FakePeer, client: number, clock = 1): void {
  const states = encodeEntries([{ client, clock, state: '{}' }]);
  if (bench.room.presence.apply(peer, states, 0)) bench.room.announced(peer);
  bench.room.presenceChanged();
}

test('a new client is nudged at once, and the others once, after 200 ms', async (t) => {
  const bench = await RoomBench.load(t);
  const [ada, bob] = [bench.join('ada'), bench.join('bob')];
  announce(bench, ada, 1);
  bench.passMs(200);
  nudgesOf(ada);
  announce(bench, bob, 2, 7);
  assert.deepEqual(nudgesOf(bob), [{ client: 2, clock: 8, state: '{}' }]);
  bench.passMs(199);
  assert.deepEqual(nudgesOf(ada), []);
  bench.passMs(1);
  assert.deepEqual(nudgesOf(ada), [{ client: 1, clock: 2, state: '{}' }]);
  bench.passMs(10_000);
  assert.deepEqual([nudgesOf(ada), nudgesOf(bob)], [[], []]);
});

test('I7: many clients that join together cause one nudge for each present client', async (t) => {
  const bench = await RoomBench.load(t);
  const here = bench.join('here');
  announce(bench, here, 1);
  bench.passMs(200);
  nudgesOf(here);
  const newcomers = Array.from({ length: 50 }, (_, i) => bench.join(`user ${i}`));
  for (const [i, peer] of newcomers.entries()) announce(bench, peer, 100 + i);
  bench.passMs(200);
  assert.equal(nudgesOf(here).length, 1);
  for (const peer of newcomers) assert.equal(nudgesOf(peer).length, 1);
});

test('a later announcement of a client nudges no client', async (t) => {
  const bench = await RoomBench.load(t);
  const [ada, bob] = [bench.join('ada'), bench.join('bob')];
  announce(bench, ada, 1);
  announce(bench, bob, 2);
  bench.passMs(200);
  nudgesOf(ada);
  nudgesOf(bob);
  for (let clock = 2; clock < 10; clock++) announce(bench, ada, 1, clock);
  bench.passMs(1_000);
  assert.deepEqual([nudgesOf(ada), nudgesOf(bob)], [[], []]);
});

test('a client that has left meanwhile is not nudged', async (t) => {
  const bench = await RoomBench.load(t);
  const [ada, bob] = [bench.join('ada'), bench.join('bob')];
  announce(bench, ada, 1);
  bench.passMs(200);
  nudgesOf(ada);
  announce(bench, bob, 2);
  bench.room.leave(ada);
  bench.passMs(200);
  assert.deepEqual(nudgesOf(ada), []);
});

test('clients without presence see the others too: one nudge for each present client, however many join', async (t) => {
  const bench = await RoomBench.load(t);
  const ada = bench.join('ada');
  announce(bench, ada, 1);
  bench.passMs(200);
  nudgesOf(ada);
  const spectators = ['bob', 'eve'].map((name) => bench.join(name));
  bench.passMs(199);
  assert.deepEqual(nudgesOf(ada), []);
  bench.passMs(1);
  assert.deepEqual(nudgesOf(ada), [{ client: 1, clock: 2, state: '{}' }]);
  for (const peer of spectators) assert.deepEqual(nudgesOf(peer), []);
});

test('clients that were nudged are nudged again if another client reconnects within 200 ms', async (t) => {
  const bench = await RoomBench.load(t);
  const [ada, eve] = [bench.join('ada'), bench.join('eve')];
  const bob = bench.join('bob');
  announce(bench, ada, 1);
  announce(bench, eve, 2);
  announce(bench, bob, 3);
  bench.passMs(100);
  for (const peer of [ada, eve]) nudgesOf(peer);
  bench.room.leave(bob);
  const back = bench.join('bob');
  announce(bench, back, 3);
  assert.equal(nudgesOf(back).length, 1);
  bench.passMs(100);
  assert.deepEqual([nudgesOf(ada).length, nudgesOf(eve).length, nudgesOf(back).length], [1, 1, 0]);
});

test('I7: of many clients that join together none is nudged more than twice', async (t) => {
  const bench = await RoomBench.load(t);
  const peers = Array.from({ length: 50 }, (_, i) => {
    const peer = bench.join(`user ${i}`);
    announce(bench, peer, 100 + i);
    return peer;
  });
  bench.passMs(200);
  const nudges = peers.map(
    (peer) => nudgesOf(peer).filter((entry) => entry?.client === 100 + peers.indexOf(peer)).length,
  );
  assert.ok(Math.max(...nudges) <= 2, String(nudges));
});

test('I6: an error while a room is nudged ends only that room', async (t) => {
  const bench = await RoomBench.load(t);
  const [ada, bob] = [bench.join('ada'), bench.join('bob')];
  announce(bench, ada, 1);
  bench.passMs(200);
  announce(bench, bob, 2);
  t.mock.method(ada, 'deliverPresence', () => {
    throw new Error('broken');
  });
  bench.passMs(200);
  assert.deepEqual(
    bench.failures.map(({ message }) => message),
    ['broken'],
  );
  assert.equal(ada.refusal?.code, 'internal');
});
