import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Presence, PRESENCE_TIMEOUT_MS, type PresenceOwner } from '../../../../server/sync/presence/presence.ts';
import { encodeEntries, readEntries, type AwarenessEntry } from '../../../support/frames.ts';
import { malformed } from '../../../support/refused.ts';

const someone = (userId: string): PresenceOwner => ({ userId, person: null });

const states = (...entries: AwarenessEntry[]): Uint8Array => encodeEntries(entries);

const entriesOf = (update: Uint8Array | null): AwarenessEntry[] => (update === null ? [] : readEntries(update));

const state = (client: number, clock: number, json: string | null = `{"at":${clock}}`): AwarenessEntry => ({
  client,
  clock,
  state: json,
});

test('what a session announces is dirty once, and there for everybody who comes', () => {
  const presence = new Presence();
  const [ada, bob] = [someone('ada'), someone('bob')];
  assert.equal(presence.apply(ada, states(state(1, 5)), 0), true);
  assert.equal(presence.apply(bob, states(state(2, 7)), 0), true);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 5), state(2, 7)]);
  assert.equal(presence.takeDirty(), null);
  assert.equal(presence.apply(ada, states(state(1, 6)), 0), false);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 6)]);
  assert.deepEqual(entriesOf(presence.encodeAll()), [state(1, 6), state(2, 7)]);
});

test('several changes within a tick go out as the last one', () => {
  const presence = new Presence();
  const ada = someone('ada');
  for (let clock = 1; clock <= 20; clock++) presence.apply(ada, states(state(1, clock)), 0);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 20)]);
});

test('a clock that is not newer changes nothing; the same clock with null removes', () => {
  const presence = new Presence();
  const ada = someone('ada');
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

test('a null state ends one’s own presence only', () => {
  const presence = new Presence();
  const [ada, bob] = [someone('ada'), someone('bob')];
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(bob, states(state(2, 5)), 0);
  presence.takeDirty();
  presence.apply(bob, states(state(1, 5, null)), 0);
  presence.apply(bob, states(state(1, 99, null)), 0);
  presence.apply(someone('carol'), states(state(1, 99, null)), 0);
  assert.equal(presence.dirty, false);
  assert.deepEqual(entriesOf(presence.encodeAll()), [state(1, 5), state(2, 5)]);
});

test('nobody can speak for somebody else, neither with a newer clock nor in a long message', () => {
  const presence = new Presence();
  const [ada, mallory] = [someone('ada'), someone('mallory')];
  presence.apply(ada, states(state(1, 5)), 0);
  presence.takeDirty();
  assert.equal(presence.apply(mallory, states(state(1, 6)), 0), false);
  assert.equal(presence.apply(mallory, states(state(1, 6), state(2, 1), state(3, 1)), 0), false);
  assert.equal(presence.dirty, false);
  assert.equal(presence.size, 1);
});

test('a session has one client id: a second one is not taken', () => {
  const presence = new Presence();
  const ada = someone('ada');
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(ada, states(state(2, 5)), 0);
  presence.apply(ada, states(state(1, 6), state(3, 1)), 0);
  assert.deepEqual(entriesOf(presence.encodeAll()), [state(1, 6)]);
});

test('I6: echoes are dropped before their JSON is read', () => {
  const presence = new Presence();
  const [ada, bob] = [someone('ada'), someone('bob')];
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(bob, states(state(2, 5)), 0);
  presence.takeDirty();
  const unreadable = '{"nothing that JSON.parse takes';
  presence.apply(bob, states(state(1, 6, unreadable), state(2, 5, unreadable)), 0);
  assert.equal(presence.dirty, false);
  assert.throws(() => presence.apply(bob, states(state(2, 6, unreadable)), 0), malformed);
});

test('the late end of an id that a session had before leaves it the one that it has now', () => {
  const presence = new Presence();
  const ada = someone('ada');
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(ada, states(state(1, 6, null)), 0);
  presence.apply(ada, states(state(2, 1)), 0);
  presence.apply(ada, states(state(1, 7, null)), 0);
  presence.takeDirty();
  presence.release(ada);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(2, 1, null)]);
});

test('a session that ends takes its state with it, and only its own', () => {
  const presence = new Presence();
  const [ada, bob] = [someone('ada'), someone('bob')];
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(bob, states(state(2, 5)), 0);
  presence.takeDirty();
  presence.release(someone('nobody'));
  assert.equal(presence.dirty, false);
  presence.release(ada);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 5, null)]);
  assert.deepEqual(entriesOf(presence.encodeAll()), [state(2, 5)]);
});

test('a state expires after 30 s without renewal, and may be announced again', () => {
  const presence = new Presence();
  const [ada, bob] = [someone('ada'), someone('bob')];
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(bob, states(state(2, 5)), 0);
  presence.apply(bob, states(state(2, 6)), PRESENCE_TIMEOUT_MS / 2);
  presence.takeDirty();
  presence.expire(PRESENCE_TIMEOUT_MS - 1);
  assert.equal(presence.dirty, false);
  presence.expire(PRESENCE_TIMEOUT_MS);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 5, null)]);
  presence.expire(PRESENCE_TIMEOUT_MS);
  assert.equal(presence.dirty, false);
  presence.apply(ada, states(state(1, 6)), PRESENCE_TIMEOUT_MS);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 6)]);
});

test('somebody who reconnects takes over from the old socket, whose late words and end then change nothing', () => {
  const presence = new Presence();
  const [before, after] = [someone('ada'), someone('ada')];
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

test('a client that comes back with an older clock than the room knows is nudged beyond the known one', () => {
  const presence = new Presence();
  presence.apply(someone('ada'), states(state(1, 9)), 0);
  const back = someone('ada');
  presence.apply(back, states(state(1, 3, '"back"')), 0);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 9, '"back"')]);
  assert.deepEqual(entriesOf(presence.nudge(back)), [state(1, 9, null)]);
});

test('the owner takes its id back from a sibling tab that spoke for it first', () => {
  const presence = new Presence();
  const [owner, sibling] = [someone('ada'), someone('ada')];
  // The sibling heard of the state by BroadcastChannel and has none of its own.
  presence.apply(sibling, states(state(1, 5)), 0);
  assert.equal(presence.apply(owner, states(state(1, 5)), 0), true);
  presence.takeDirty();
  presence.release(sibling);
  assert.equal(presence.dirty, false);
  presence.apply(owner, states(state(1, 6)), 0);
  assert.deepEqual(entriesOf(presence.encodeAll()), [state(1, 6)]);
});

test('a spectator of the same user, who only sends back what it hears, takes nobody’s state for long', () => {
  const presence = new Presence();
  const [owner, spectator] = [someone('anonymous'), someone('anonymous')];
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

test('I6, I7: 50,000 clients, a clock of 2^53 - 1 and a huge state are refused, and leave nothing behind', () => {
  const presence = new Presence();
  const many = states(...Array.from({ length: 50_000 }, (_, client) => state(client, 1, '{}')));
  assert.throws(() => presence.apply(someone('a'), many, 0), malformed);
  assert.throws(() => presence.apply(someone('b'), states(state(1, Number.MAX_SAFE_INTEGER)), 0), malformed);
  const huge = JSON.stringify('x'.repeat(17_000));
  assert.throws(() => presence.apply(someone('c'), states(state(2, 1, huge)), 0), malformed);
  assert.throws(() => presence.apply(someone('d'), states(state(3, 1, '{')), 0), malformed);
  assert.equal(presence.size, 0);
  assert.equal(presence.dirty, false);
});

test('I6: what stock clients cannot read, compare or send on is refused, and a name full of brackets is not', () => {
  const presence = new Presence();
  const deep = `{"user":${'['.repeat(100)}${']'.repeat(100)}}`;
  for (const json of [deep, ' null', '{"user":"\ud800']) {
    assert.throws(() => presence.apply(someone('eve'), states(state(1, 1, json)), 0), malformed);
  }
  const notUtf8 = Uint8Array.of(1, 1, 1, 3, 0x22, 0xff, 0x22);
  assert.throws(() => presence.apply(someone('eve'), notUtf8, 0), malformed);
  assert.equal(presence.size, 0);
  presence.apply(someone('ada'), states(state(1, 1, JSON.stringify({ user: `"\\${'['.repeat(100)}` }))), 0);
  assert.equal(presence.size, 1);
});

test('I6: somebody whose clock another has raised to the limit goes on from there, also after coming back', () => {
  const presence = new Presence();
  const [ada, eve] = [someone('same'), someone('same')];
  presence.apply(ada, states(state(1, 5)), 0);
  presence.apply(eve, states(state(1, 2 ** 31)), 0);
  presence.apply(ada, states(state(1, 2 ** 31 + 1)), 0);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 2 ** 31 + 1)]);
  presence.release(ada);
  presence.takeDirty();
  presence.apply(someone('same'), states(state(1, 2 ** 31 + 2)), 0);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(1, 2 ** 31 + 2)]);
  assert.throws(() => presence.apply(someone('same'), states(state(2, 2 ** 32)), 0), malformed);
});

test('a null state cannot raise a clock beyond what anybody can overwrite', () => {
  const presence = new Presence();
  const ada = someone('ada');
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
    assert.throws(() => new Presence().apply(someone('ada'), Uint8Array.from(bytes), 0), malformed);
  });
}
