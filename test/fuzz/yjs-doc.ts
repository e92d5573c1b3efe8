import assert from 'node:assert/strict';
import * as Y from 'yjs';
import { Disposer } from '../support/owner.ts';
import { listenForComplaints } from '../support/complaints.ts';

/** A document with everything that editors look at, to which the updates are applied in this order. */
export function docOf(...updates: readonly Uint8Array[]): Y.Doc {
  const doc = new Y.Doc();
  doc.getText('text');
  doc.getMap('map');
  doc.getArray('array');
  doc.getXmlFragment('xml');
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc;
}

/** Fails as well if Yjs swallows a failure and prints it. */
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
