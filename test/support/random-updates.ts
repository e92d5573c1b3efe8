import * as Y from 'yjs';
import { RandomEditors } from './random-edits.ts';
import type { Random } from './random.ts';

/**
 * Real updates of one small document, in every form that clients and servers send: single edits, merged edits with
 * holes (Skips), whole states with and without garbage collection, states with pending edits, differences.
 */
export function randomUpdates(random: Random, editCount: number): Uint8Array[] {
  const editors = new RandomEditors(random);
  editors.edit(editCount);
  const singles = editors.updates;
  const updates = [...singles];
  const some = (): Uint8Array[] => singles.filter(() => random.below(3) > 0);
  for (let i = 0; i < 4; i++) {
    updates.push(Y.mergeUpdates(some()));
    const doc = new Y.Doc({ gc: i % 2 === 0 });
    // A client that lacks some edits keeps others pending, and sends them too.
    for (const update of i < 2 ? singles : some()) Y.applyUpdate(doc, update);
    const state = Y.encodeStateAsUpdate(doc);
    const vector = Y.encodeStateVectorFromUpdate(Y.mergeUpdates(singles.slice(0, random.below(singles.length) + 1)));
    updates.push(state, Y.encodeStateAsUpdate(doc, vector), Y.diffUpdate(state, vector));
  }
  return updates;
}
