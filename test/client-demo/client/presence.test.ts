import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { applyAwarenessUpdate, Awareness } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { guardPresence } from '../../../client-demo/client/client.ts';
import { drawable } from '../../../server/sync/presence/drawable.ts';
import { encodeEntries } from '../../support/frames.ts';
import { honestStates, hostileStates } from '../../support/hostile-states.ts';

function awarenessOf(t: TestContext): Awareness {
  const awareness = new Awareness(new Y.Doc());
  t.after(() => awareness.destroy());
  return awareness;
}

function receive(awareness: Awareness, client: number, clock: number, state: unknown): void {
  applyAwarenessUpdate(awareness, encodeEntries([{ client, clock, state: JSON.stringify(state) }]), 'server');
}

const labels = ['a user of many kinds', ...['red;left:0', 'rgb(1 2 3)', 7, null].map((color) => ({ color }))];
const names = ['\u202eadA', 'x'.repeat(300), {}, 7, null].map((name) => ({ name }));
const states = [
  ...hostileStates('default').map(({ state }) => state),
  ...honestStates('default').map(({ state }) => state),
  ...[...labels, ...names].map((user) => ({ user })),
];

test('a guarded page gets the states that the server would relay, and so do all other listeners', (t) => {
  const awareness = awarenessOf(t);
  guardPresence(awareness);
  const seen: unknown[] = [];
  awareness.on('change', () => seen.push(awareness.getStates().get(1)));
  states.forEach((state, i) => {
    seen.length = 0;
    receive(awareness, 1, i + 1, state);
    assert.deepEqual(seen, [drawable(JSON.parse(JSON.stringify(state)))], JSON.stringify(state));
  });
});

test('existing states are guarded too, the own state is not', (t) => {
  const awareness = awarenessOf(t);
  const mine = { cursor: { x: 1, y: 2 } };
  awareness.setLocalState(mine);
  receive(awareness, 1, 1, { cursor: {}, typing: true });
  guardPresence(awareness);
  awareness.setLocalState(mine);
  assert.deepEqual(awareness.getStates().get(1), { typing: true });
  assert.equal(awareness.getLocalState(), mine);
});

test('after the end of the guard, states are not changed', (t) => {
  const awareness = awarenessOf(t);
  guardPresence(awareness)();
  receive(awareness, 1, 1, { cursor: {} });
  assert.deepEqual(awareness.getStates().get(1), { cursor: {} });
});
