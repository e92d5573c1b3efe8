import * as Y from 'yjs';

/**
 * A Y.Doc that has applied these, one after the other, and has decided nothing itself.
 *
 * After every transaction from elsewhere a Y.Doc deletes formatting marks that look superfluous just then. Which ones do
 * depends on how edits were batched; editors end up the same because they send each other these deletions too
 * (yjs/yjs#492). Without them two documents that got the same edits may show different formatting, so documents that tests
 * compare must not make any. Not to be read by index between updates: Yjs would remember places that are no longer right.
 */
export function passiveDoc(updates: readonly Uint8Array[] = []): Y.Doc {
  const doc = new Y.Doc();
  doc.on('beforeObserverCalls', (transaction) => {
    transaction.local = true;
  });
  for (const update of updates) Y.applyUpdate(doc, update);
  return doc;
}
