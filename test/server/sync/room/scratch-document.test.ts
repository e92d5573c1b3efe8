import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SyncHarness } from '../../../support/sync-harness.ts';

test('only scratch documents are opened as transient, so that the log erases them when they are closed', async (t) => {
  const harness = new SyncHarness(t);
  for (const docId of ['quire-doctor/a', 'quire-doctor', 'notes/quire-doctor/a']) await harness.live({ docId });
  assert.deepEqual([...harness.log.transient], ['quire-doctor/a']);
});
