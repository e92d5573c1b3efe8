import * as Y from 'yjs';

/**
 * A Y.Doc that has applied these updates in order, and has made no deletions of its own.
 *
 * After every remote transaction a Y.Doc deletes formatting marks that seem superfluous at that moment. Which marks
 * depends on how edits were batched. Editors converge because they also send each other these deletions (yjs/yjs#492).
 * Without them, two documents with the same edits may show different formatting, so documents that tests compare must
 * not delete any. Do not read the document by index between updates, because Yjs would cache positions that become
 * wrong.
 */
export function passiveDoc(updates: readonly Uint8Array[] = []): Y.Doc {
  const doc = new Y.Doc();
  doc.on('beforeObserverCalls', (transaction) => {
    transaction.local = true;
  });
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc;
}
