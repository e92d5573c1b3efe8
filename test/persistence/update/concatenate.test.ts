import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { concatenateUpdates } from '../../../persistence/update/concatenate.ts';
import { scanUpdate } from '../../../persistence/update/scan.ts';
import { passiveDoc } from '../../support/passive-doc.ts';
import { RandomEditors } from '../../support/random-edits.ts';
import { randomOf } from '../../support/random.ts';
import { struct, updateOf } from '../../support/update-bytes.ts';

function textAt(client: number, clock: number, text: string): Uint8Array {
  return updateOf([{ client, clock, structs: [struct.text(text)] }]);
}

suite('concatenating', () => {
  test('gives the same structs as Yjs, and the same document', (t) => {
    const random = randomOf(t);
    const editors = new RandomEditors(random);
    editors.edit(300);
    let concatenated = 0;
    for (let from = 0; from < editors.updates.length;) {
      const some = editors.updates.slice(from, from + 1 + random.below(40));
      const bytes = concatenateUpdates(some);
      if (bytes !== null) {
        concatenated++;
        assert.deepEqual(scanUpdate(bytes), scanUpdate(Y.mergeUpdates(some)));
      }
      from += some.length;
    }
    assert.ok(concatenated > 0);
    // In an order in which a server could have received them, no update depends on a later one.
    const doc = passiveDoc([concatenateUpdates(editors.updates) as Uint8Array]);
    assert.deepEqual(Y.encodeStateAsUpdate(doc), Y.encodeStateAsUpdate(passiveDoc(editors.updates)));
  });

  test('keeps the order of clients that Yjs needs, and begins where the first update begins', () => {
    const updates = [textAt(1, 5, 'ab'), textAt(9, 0, 'x'), textAt(1, 7, 'c')];
    assert.deepEqual(concatenateUpdates(updates), Y.mergeUpdates(updates));
  });

  test('leaves updates that overlap, have gaps or hold a Skip to Yjs', () => {
    assert.equal(concatenateUpdates([textAt(1, 0, 'ab'), textAt(1, 1, 'bc')]), null);
    assert.equal(concatenateUpdates([textAt(1, 0, 'ab'), textAt(1, 3, 'd')]), null);
    assert.equal(concatenateUpdates([textAt(1, 2, 'c'), textAt(1, 0, 'ab')]), null);
    assert.equal(concatenateUpdates([Y.mergeUpdates([textAt(1, 0, 'ab'), textAt(1, 3, 'd')])]), null);
  });

  test('of no updates, or of updates with only deletions, gives an update too', () => {
    assert.deepEqual(concatenateUpdates([]), Uint8Array.of(0, 0));
    const deletions = [updateOf([], [7, 0, 2]), updateOf([], [7, 1, 4])];
    assert.deepEqual(concatenateUpdates(deletions), Y.mergeUpdates(deletions));
  });
});
