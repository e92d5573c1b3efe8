import assert from 'node:assert/strict';
import * as Y from 'yjs';
import { Disposer } from '../support/owner.ts';
import { listenForComplaints } from '../support/complaints.ts';

/** A document with the root types that editors use, after these updates in this order. */
export function docOf(...updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc();
  doc.getText('text');
  doc.getMap('map');
  doc.getArray('array');
  doc.getXmlFragment('xml');
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc;
}

/** Calls `use`. Fails also if Yjs catches an error and prints it. */
export function quietly(use: () => void): void {
  const owner = new Disposer();
  const complaints = listenForComplaints(owner);
  try {
    use();
  } finally {
    void owner.dispose();
  }
  assert.deepEqual(complaints, [], `Yjs complains: ${complaints[0]}`);
}
