import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Presence } from '../../../../server/sync/presence/presence.ts';
import { identified } from '../../../../server/sync/presence/presence-state.ts';
import { decodeFrame, encodeEntries, encodeFrame, readEntries } from '../../../support/frames.ts';
import { endOf } from '../../../support/hostile-states.ts';
import { malformed } from '../../../support/refused.ts';

const ada = { userId: 'u1', person: { name: 'Ada', color: null } };

test('presence shows the verified identity of a user, not the one that the client claims', () => {
  const claims = { user: { id: 'u2', name: 'Eve', color: 'red', avatar: 'a.png' }, cursor: { anchor: 1 } };
  assert.deepEqual(identified(claims, ada), {
    user: { id: 'u1', name: 'Ada', color: 'red', avatar: 'a.png' },
    cursor: { anchor: 1 },
  });
  assert.deepEqual(identified({}, ada), { user: { id: 'u1', name: 'Ada' } });
  assert.deepEqual(identified({ user: 'Eve' }, ada), { user: { id: 'u1', name: 'Ada' } });
  assert.deepEqual(identified({ name: 'Eve', color: 'red', focusing: true }, ada), {
    name: 'Ada',
    color: 'red',
    focusing: true,
    user: { id: 'u1', name: 'Ada' },
  });
});

test('a grant without a name leaves the name to the client, but never the id', () => {
  const guest = { userId: 'g1', person: { name: null, color: '#00f' } };
  assert.deepEqual(identified({ user: { id: 'u1', name: 'Guest' } }, guest), {
    user: { id: 'g1', name: 'Guest', color: '#00f' },
  });
});

test('without a verified identity a state is not changed, nor is a value that is not an object', () => {
  const state = { user: { name: 'Eve' } };
  assert.equal(identified(state, { userId: '', person: null }), state);
  for (const other of [null, 7, 'text', [1]]) assert.equal(identified(other, ada), other);
});

test('I6: a state is changed when it is received, so all clients see the same; odd keys and deep values do no harm', () => {
  const presence = new Presence();
  const announce = (json: string, clock: number): void => {
    const frame = encodeFrame({ type: 'awareness', entries: [{ client: 7, clock, state: json }] });
    // Skips the message type and the length.
    presence.apply(ada, frame.subarray(json.length > 100 ? 4 : 2), 0);
  };
  announce('{"__proto__":{"id":"u2"},"user":{"__proto__":{"id":"u2"},"name":"Eve"}}', 1);
  const frame = decodeFrame(Buffer.concat([Uint8Array.of(1, presence.encodeAll()!.length), presence.encodeAll()!]));
  assert.deepEqual(frame.type === 'awareness' && JSON.parse(frame.entries[0]?.state ?? ''), {
    ['__proto__']: { id: 'u2' },
    user: { ['__proto__']: { id: 'u2' }, name: 'Ada', id: 'u1' },
  });
  assert.throws(() => announce(`{"user":${'['.repeat(8_000)}${']'.repeat(8_000)}}`.slice(0, 16_000), 2), malformed);
});

test('I6: the name and color of a grant are checked like those of a client, because users may choose them', () => {
  const presence = new Presence();
  const owner = { userId: 'u1', person: { name: '\u202eadA', color: 'red;position:fixed' } };
  const caret = { anchor: endOf('text'), head: endOf('text') };
  // A string as `user` would make editors fail, but the grant replaces it with an object.
  const state = JSON.stringify({ user: 'Eve', cursor: caret });
  presence.apply(owner, encodeEntries([{ client: 7, clock: 1, state }]), 0);
  const [shown] = readEntries(presence.encodeAll()!);
  assert.deepEqual(JSON.parse(shown?.state ?? ''), { user: { name: 'adA', id: 'u1' }, cursor: caret });
});
