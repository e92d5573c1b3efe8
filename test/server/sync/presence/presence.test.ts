import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Presence, presenceTimeoutMs } from '../../../../server/sync/presence/presence.ts';
import type { PresenceOwner } from '../../../../server/sync/presence/presence-state.ts';
import { encodeEntries, readEntries } from '../../../support/frames.ts';
import type { AwarenessEntry } from '../../../support/frames.ts';
import { malformed } from '../../../support/refused.ts';

const ownerOf = (userId: string): PresenceOwner => ({ userId, person: null });

const states = (...entries: AwarenessEntry[]): Uint8Array => encodeEntries(entries);

const entriesOf = (update: Uint8Array | null): AwarenessEntry[] => (update === null ? [] : readEntries(update));

const state = (client: number, clock: number, json: string | null = `{"at":${clock}}`): AwarenessEntry => ({
  client,
  clock,
  state: json,
});

test('an announced state is dirty once, and shown to every new client', () => {
  const presence = new Presence();
  const [ada, bob] = [ownerOf('ada'), ownerOf('bob')];
  assert.equal(presence.apply(ada, states(state(1, 5)), 0), true);
  assert.equal(presence.apply(bob, states(state(2, 7)), 0), true);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 5), state(2, 7)]);
  assert.equal(presence.takeDirty(), null);
  assert.equal(presence.apply(ada, states(state(1, 6)), 0), false);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 6)]);
  assert.deepEqual(entriesOf(presence.encodeAll()), [state(1, 6), state(2, 7)]);
});

test('of several changes within a tick only the last is sent', () => {
  const presence = new Presence();
  const ada = ownerOf('ada');
  for (let clock = 1; clock <= 20; clock++) presence.apply(ada, states(state(1, clock)), 0);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 20)]);
});

test('a clock that is not newer changes nothing; the same clock with null removes', () => {
  const presence = new Presence();
  const ada = ownerOf('ada');
  presence.apply(ada, states(state(1, 5)), 0);
  presence.takeDirty();
  presence.apply(ada, states(state(1, 5, '"other"')), 0);
  presence.apply(ada, states(state(1, 4, null)), 0);
  assert.equal(presence.dirty, false);
  presence.apply(ada, states(state(1, 5, null)), 0);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 5, null)]);
  assert.equal(presence.encodeAll(), null);
  assert.equal(presence.size, 0);
});

test('a null state removes only the state of its sender', () => {
  const presence = new Presence();
  const [ada, bob] = [ownerOf('ada'), ownerOf('bob')];
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(bob, states(state(2, 5)), 0);
  presence.takeDirty();
  presence.apply(bob, states(state(1, 5, null)), 0);
  presence.apply(bob, states(state(1, 99, null)), 0);
  presence.apply(ownerOf('carol'), states(state(1, 99, null)), 0);
  assert.equal(presence.dirty, false);
  assert.deepEqual(entriesOf(presence.encodeAll()), [state(1, 5), state(2, 5)]);
});

test('no client can change the state of another user, neither with a newer clock nor in a long message', () => {
  const presence = new Presence();
  const [ada, mallory] = [ownerOf('ada'), ownerOf('mallory')];
  presence.apply(ada, states(state(1, 5)), 0);
  presence.takeDirty();
  assert.equal(presence.apply(mallory, states(state(1, 6)), 0), false);
  assert.equal(presence.apply(mallory, states(state(1, 6), state(2, 1), state(3, 1)), 0), false);
  assert.equal(presence.dirty, false);
  assert.equal(presence.size, 1);
});

test('a session has one client id: a second one is ignored', () => {
  const presence = new Presence();
  const ada = ownerOf('ada');
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(ada, states(state(2, 5)), 0);
  presence.apply(ada, states(state(1, 6), state(3, 1)), 0);
  assert.deepEqual(entriesOf(presence.encodeAll()), [state(1, 6)]);
});

test('I6: echoes are dropped before their JSON is read', () => {
  const presence = new Presence();
  const [ada, bob] = [ownerOf('ada'), ownerOf('bob')];
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(bob, states(state(2, 5)), 0);
  presence.takeDirty();
  const unreadable = '{"nothing that JSON.parse takes';
  presence.apply(bob, states(state(1, 6, unreadable), state(2, 5, unreadable)), 0);
  assert.equal(presence.dirty, false);
  assert.throws(() => presence.apply(bob, states(state(2, 6, unreadable)), 0), malformed);
});

test('the late removal of an earlier client id of a session does not remove its current one', () => {
  const presence = new Presence();
  const ada = ownerOf('ada');
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(ada, states(state(1, 6, null)), 0);
  presence.apply(ada, states(state(2, 1)), 0);
  presence.apply(ada, states(state(1, 7, null)), 0);
  presence.takeDirty();
  presence.release(ada);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(2, 1, null)]);
});

test('when a session ends, its state is removed and no other', () => {
  const presence = new Presence();
  const [ada, bob] = [ownerOf('ada'), ownerOf('bob')];
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(bob, states(state(2, 5)), 0);
  presence.takeDirty();
  presence.release(ownerOf('stranger'));
  assert.equal(presence.dirty, false);
  presence.release(ada);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 5, null)]);
  assert.deepEqual(entriesOf(presence.encodeAll()), [state(2, 5)]);
});

test('a state expires after 30 s without renewal, and may be announced again', () => {
  const presence = new Presence();
  const [ada, bob] = [ownerOf('ada'), ownerOf('bob')];
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(bob, states(state(2, 5)), 0);
  presence.apply(bob, states(state(2, 6)), presenceTimeoutMs / 2);
  presence.takeDirty();
  presence.expire(presenceTimeoutMs - 1);
  assert.equal(presence.dirty, false);
  presence.expire(presenceTimeoutMs);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 5, null)]);
  presence.expire(presenceTimeoutMs);
  assert.equal(presence.dirty, false);
  presence.apply(ada, states(state(1, 6)), presenceTimeoutMs);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 6)]);
});

test('a reconnected client takes over from its old socket, whose late messages and end then change nothing', () => {
  const presence = new Presence();
  const [before, after] = [ownerOf('ada'), ownerOf('ada')];
  presence.apply(before, states(state(1, 5)), 0);
  presence.takeDirty();
  assert.equal(presence.apply(after, states(state(1, 5)), 0), true);
  presence.apply(after, states(state(1, 6)), 0);
  presence.takeDirty();
  presence.apply(before, states(state(1, 6, '"late"')), 0);
  presence.apply(before, states(state(1, 6, null)), 0);
  presence.release(before);
  assert.equal(presence.dirty, false);
  assert.deepEqual(entriesOf(presence.encodeAll()), [state(1, 6)]);
});

test('a client that returns with an older clock than the room knows is nudged to a newer one', () => {
  const presence = new Presence();
  presence.apply(ownerOf('ada'), states(state(1, 9)), 0);
  const back = ownerOf('ada');
  presence.apply(back, states(state(1, 3, '"back"')), 0);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 9, '"back"')]);
  assert.deepEqual(entriesOf(presence.nudge(back)), [state(1, 9, null)]);
});

test('the owner takes its client id back from a sibling tab that announced it first', () => {
  const presence = new Presence();
  const [owner, sibling] = [ownerOf('ada'), ownerOf('ada')];
  // The sibling received the state by BroadcastChannel and has none of its own.
  presence.apply(sibling, states(state(1, 5)), 0);
  assert.equal(presence.apply(owner, states(state(1, 5)), 0), true);
  presence.takeDirty();
  presence.release(sibling);
  assert.equal(presence.dirty, false);
  presence.apply(owner, states(state(1, 6)), 0);
  assert.deepEqual(entriesOf(presence.encodeAll()), [state(1, 6)]);
});

test('a tab of the same user that only echoes states does not keep the state of another tab', () => {
  const presence = new Presence();
  const [owner, spectator] = [ownerOf('anonymous'), ownerOf('anonymous')];
  presence.apply(owner, states(state(1, 5)), 0);
  presence.apply(spectator, states(state(1, 5)), 0);
  for (let clock = 6; clock < 20; clock++) {
    presence.apply(owner, states(state(1, clock)), 0);
    assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, clock)]);
    assert.equal(presence.apply(spectator, states(state(1, clock)), 0), false);
    assert.notEqual(presence.nudge(owner), null);
    assert.equal(presence.nudge(spectator), null);
  }
  presence.release(spectator);
  assert.deepEqual(entriesOf(presence.encodeAll()), [state(1, 19)]);
});

test('I6, I7: 50,000 clients, a clock of 2^53 - 1 and a huge state are refused and leave no state', () => {
  const presence = new Presence();
  const many = states(...Array.from({ length: 50_000 }, (_, client) => state(client, 1, '{}')));
  assert.throws(() => presence.apply(ownerOf('a'), many, 0), malformed);
  assert.throws(() => presence.apply(ownerOf('b'), states(state(1, Number.MAX_SAFE_INTEGER)), 0), malformed);
  const huge = JSON.stringify('x'.repeat(17_000));
  assert.throws(() => presence.apply(ownerOf('c'), states(state(2, 1, huge)), 0), malformed);
  assert.throws(() => presence.apply(ownerOf('d'), states(state(3, 1, '{')), 0), malformed);
  assert.equal(presence.size, 0);
  assert.equal(presence.dirty, false);
});

test('I6: a state that stock clients cannot read, compare or send on is refused; a name full of brackets is not', () => {
  const presence = new Presence();
  const deep = `{"user":${'['.repeat(100)}${']'.repeat(100)}}`;
  for (const json of [deep, ' null', '{"user":"\ud800']) {
    assert.throws(() => presence.apply(ownerOf('eve'), states(state(1, 1, json)), 0), malformed);
  }
  const notUtf8 = Uint8Array.of(1, 1, 1, 3, 0x22, 0xff, 0x22);
  assert.throws(() => presence.apply(ownerOf('eve'), notUtf8, 0), malformed);
  assert.equal(presence.size, 0);
  presence.apply(ownerOf('ada'), states(state(1, 1, JSON.stringify({ user: `"\\${'['.repeat(100)}` }))), 0);
  assert.equal(presence.size, 1);
});

test('I6: a client whose clock another client has raised to the limit can continue from it, even after a reconnect', () => {
  const presence = new Presence();
  const [ada, eve] = [ownerOf('same'), ownerOf('same')];
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(eve, states(state(1, 2 ** 31)), 0);
  presence.apply(ada, states(state(1, 2 ** 31 + 1)), 0);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 2 ** 31 + 1)]);
  presence.release(ada);
  presence.takeDirty();
  presence.apply(ownerOf('same'), states(state(1, 2 ** 31 + 2)), 0);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 2 ** 31 + 2)]);
  assert.throws(() => presence.apply(ownerOf('same'), states(state(2, 2 ** 32)), 0), malformed);
});

test('a null state cannot raise a clock so far that no state can overwrite it', () => {
  const presence = new Presence();
  const ada = ownerOf('ada');
  presence.apply(ada, states(state(1, 5)), 0);
  assert.throws(() => presence.apply(ada, states(state(1, Number.MAX_SAFE_INTEGER, null)), 0), malformed);
});

for (const [name, bytes] of Object.entries({
  'an empty message': [],
  'a count without entries': [1],
  'an entry without a clock': [1, 5],
  'a state that ends early': [1, 5, 1, 9, 34],
  'bytes after the last entry': [0, 0],
  'a count that is a lie': [0xff, 0x26, 1, 1, 2, 123, 125],
})) {
  test(`refused as malformed: ${name}`, () => {
    assert.throws(() => new Presence().apply(ownerOf('ada'), Uint8Array.from(bytes), 0), malformed);
  });
}
