import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { applyAwarenessUpdate, Awareness, encodeAwarenessUpdate } from 'y-protocols/awareness';
import * as Y from 'yjs';
import { Presence } from '../../../../server/sync/presence/presence.ts';
import type { PresenceOwner } from '../../../../server/sync/presence/presence-state.ts';
import { encodeEntries, readEntries } from '../../../support/frames.ts';
import type { AwarenessEntry } from '../../../support/frames.ts';

const ownerOf = (userId: string): PresenceOwner => ({ userId, person: null });

const entriesOf = (update: Uint8Array | null): AwarenessEntry[] => (update === null ? [] : readEntries(update));

const state = (client: number, clock: number, json: string | null): AwarenessEntry => ({ client, clock, state: json });

const awarenesses: Awareness[] = [];
/** The awareness of a stock client. */
function stockAwareness(): Awareness {
  const awareness = new Awareness(new Y.Doc());
  awarenesses.push(awareness);
  return awareness;
}
afterEach(() => {
  for (const awareness of awarenesses.splice(0)) awareness.destroy();
});

test('a nudged stock client keeps its state, raises its clock and is announced again', () => {
  const presence = new Presence();
  const awareness = stockAwareness();
  awareness.setLocalState({ name: 'Ada' });
  const ada = ownerOf('ada');
  presence.apply(ada, encodeAwarenessUpdate(awareness, [awareness.clientID]), 0);
  presence.takeDirty();
  const clock = awareness.meta.get(awareness.clientID)!.clock;
  const announced: Uint8Array[] = [];
  awareness.on('update', ({ added, updated, removed }: Record<'added' | 'updated' | 'removed', number[]>) => {
    announced.push(encodeAwarenessUpdate(awareness, [...added, ...updated, ...removed]));
  });
  applyAwarenessUpdate(awareness, presence.nudge(ada)!, 'server');
  assert.deepEqual(awareness.getLocalState(), { name: 'Ada' });
  assert.equal(announced.length, 1);
  assert.equal(presence.apply(ada, announced[0]!, 0), false);
  assert.deepEqual(entriesOf(presence.takeDirty()), [state(awareness.clientID, clock + 1, '{"name":"Ada"}')]);
});

test('after a nudge other clients show a client whose clock they knew already', () => {
  const presence = new Presence();
  const [ada, other] = [stockAwareness(), stockAwareness()];
  const session = ownerOf('ada');
  ada.setLocalState({ name: 'Ada' });
  const hello = encodeAwarenessUpdate(ada, [ada.clientID]);
  applyAwarenessUpdate(other, hello, 'server');
  applyAwarenessUpdate(other, encodeAwarenessUpdate(ada, [ada.clientID], new Map()), 'server');
  assert.equal(other.getStates().has(ada.clientID), false);
  presence.apply(session, hello, 0);
  applyAwarenessUpdate(other, presence.takeDirty()!, 'server');
  assert.equal(other.getStates().has(ada.clientID), false, 'an unchanged clock does not bring it back');
  applyAwarenessUpdate(ada, presence.nudge(session)!, 'server');
  presence.apply(session, encodeAwarenessUpdate(ada, [ada.clientID]), 0);
  applyAwarenessUpdate(other, presence.takeDirty()!, 'server');
  assert.deepEqual(other.getStates().get(ada.clientID), { name: 'Ada' });
});

test('a session without a state cannot be nudged', () => {
  const presence = new Presence();
  const ada = ownerOf('ada');
  assert.equal(presence.nudge(ada), null);
  presence.apply(ada, encodeEntries([state(1, 5, null)]), 0);
  assert.equal(presence.nudge(ada), null);
});
