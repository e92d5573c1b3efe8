import * as Y from 'yjs';
import { mergeInLevels, trimDeletes } from '../update/merge.ts';
import { noScanLimits, scanUpdate } from '../update/scan.ts';
import { decodeStateVector } from '../update/state-vector.ts';

/** What a Y.Doc makes of some updates. */
export interface Integrated {
  /** All that integrates, as one update that a Y.Doc has written. */
  readonly state: Uint8Array;
  /** All structs and deletions that wait for something missing, as one update; null if nothing waits. */
  readonly pending: Uint8Array | null;
}

/**
 * With one transaction for 1,000 updates folding a keystroke costs 2.5 us, with one for each 6 us (measured). Beyond a
 * few thousand, cleaning up grows faster than the number of updates.
 */
const updatesPerTransaction = 1000;

/**
 * Applies `base` (few updates, large ones) and then `tail` (many, small ones) to an empty document, with garbage
 * collection unless the content of what was deleted is kept.
 */
export function integrate(base: readonly Uint8Array[], tail: readonly Uint8Array[], keepDeleted: boolean): Integrated {
  const doc = new Y.Doc({ gc: !keepDeleted });
  const waiting: Uint8Array[] = [];
  // Parts of a snapshot only fit together: applied one by one they would wait, and Yjs is slow at that.
  if (base.length > 0) waiting.push(...apply(doc, [Y.mergeUpdates([...base])]));
  for (let i = 0; i < tail.length; i += updatesPerTransaction) {
    waiting.push(...apply(doc, tail.slice(i, i + updatesPerTransaction)));
  }
  const pending = waiting.length > 0 ? retry(doc, waiting) : null;
  return { state: Y.encodeStateAsUpdate(doc), pending };
}

/**
 * Applies updates in one transaction and returns those of which something waits. What waits does not stay in the document:
 * Yjs would merge all of it anew with every update (2,000 that wait: over 10 s), and loses some of it where structs wait
 * for each other.
 */
function apply(doc: Y.Doc, updates: readonly Uint8Array[]): Uint8Array[] {
  const waiting: Uint8Array[] = [];
  doc.transact((transaction) => {
    for (const update of updates) {
      Y.applyUpdate(doc, update);
      if (doc.store.pendingStructs === null && doc.store.pendingDs === null) continue;
      doc.store.pendingStructs = null;
      doc.store.pendingDs = null;
      waiting.push(update);
    }
    // After a transaction from elsewhere Yjs deletes formatting marks that look superfluous just then: which ones depends on
    // how edits were batched, and a later edit may show that one was not. Editors decide that, and send it as an edit; what
    // folding deletes nobody is told of before they join again.
    transaction.local = true;
  });
  return waiting;
}

/** Applies again what waited, now that everything is there, and returns what waits still. */
function retry(doc: Y.Doc, waiting: readonly Uint8Array[]): Uint8Array | null {
  // Structs that are known by now must go: they would hold up those behind them for what they miss.
  const left = Y.diffUpdate(mergeInLevels(waiting), Y.encodeStateVector(doc));
  apply(doc, [left]);
  return beyond(left, Y.encodeStateVector(doc));
}

/** What of an update lies beyond a state vector, deletions as well; null if nothing does. */
function beyond(update: Uint8Array, stateVector: Uint8Array): Uint8Array | null {
  const rest = Y.diffUpdate(update, stateVector);
  const facts = scanUpdate(rest, noScanLimits);
  const known = decodeStateVector(stateVector);
  const deletes: number[] = [];
  for (let i = 0; i < facts.deletes.length; i += 3) {
    const [client, start, end] = facts.deletes.slice(i, i + 3) as [number, number, number];
    const from = Math.max(start, known.get(client) ?? 0);
    if (from < end) deletes.push(client, from, end);
  }
  return facts.structCount + deletes.length > 0 ? trimDeletes(rest, facts, deletes) : null;
}
