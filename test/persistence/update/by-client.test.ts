import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { splitByClient } from '../../../persistence/update/by-client.ts';
import { scanUpdate } from '../../../persistence/update/scan.ts';
import { randomOf } from '../../support/random.ts';
import { RandomEditors } from '../../support/random-edits.ts';

test('the pieces of an update are the structs and the deletions of each client; merged, they equal the update', (t) => {
  const random = randomOf(t);
  for (let i = 0; i < 50; i++) {
    const editors = new RandomEditors(random);
    editors.edit(40);
    const update = Y.mergeUpdates(editors.updates);
    const pieces = splitByClient(update);
    for (const piece of pieces) {
      const { intervals, deletes } = scanUpdate(piece);
      const clients = [...intervals, ...deletes].filter((_, index) => index % 3 === 0);
      assert.equal(new Set(clients).size, 1);
      assert.ok(intervals.length === 0 || deletes.length === 0);
    }
    assert.deepEqual(Y.mergeUpdates(pieces), update);
  }
});

test('an empty update has no pieces', () => {
  assert.deepEqual(splitByClient(Uint8Array.of(0, 0)), []);
});
