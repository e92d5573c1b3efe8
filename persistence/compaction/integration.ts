import * as Y from 'yjs';
import { mergeInLevels, trimDeletes } from '../update/merge.ts';
import { noScanLimits, scanUpdate } from '../update/scan.ts';
import { decodeStateVector } from '../update/state-vector.ts';

/** The result of applying some updates to a Y.Doc. */
export interface Integrated {
  /** Everything that integrates, as one update written by a Y.Doc. */
  readonly state: Uint8Array;
  /** Structs and deletions that wait for missing structs, as one update; null if nothing waits. */
  readonly pending: Uint8Array | null;
}

/**
 * Folding a keystroke costs 2.5 us with one transaction for 1,000 updates and 6 us with one for each (measured). Above
 * a few thousand, the cleanup of a transaction grows faster than the number of its updates.
 */
const updatesPerTransaction = 1000;

/**
 * Applies `base` (few large updates) and then `tail` (many small ones) to an empty document. Collects garbage unless
 * `keepDeleted` is set.
 */
export function integrate(base: readonly Uint8Array[], tail: readonly Uint8Array[], keepDeleted: boolean): Integrated {
  const doc = new Y.Doc({ gc: !keepDeleted });
  const waiting: Uint8Array[] = [];
  // Parts of a snapshot only integrate together. Applied one by one they would wait, which is slow in Yjs.
  if (base.length > 0) waiting.push(...apply(doc, [Y.mergeUpdates([...base])]));
  for (let i = 0; i < tail.length; i += updatesPerTransaction) {
    waiting.push(...apply(doc, tail.slice(i, i + updatesPerTransaction)));
  }
  const pending = waiting.length > 0 ? retry(doc, waiting) : null;
  return { state: Y.encodeStateAsUpdate(doc), pending };
}

/**
 * Applies updates in one transaction and returns those with structs or deletions that wait. These are removed from the
 * document: Yjs would merge all of them again with every update (over 10 s for 2,000 waiting updates), and loses some
 * if structs wait for each other.
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
    // After a remote transaction Yjs deletes formatting marks that look superfluous at that moment. Which ones depends
    // on how edits were batched, and a later edit may show that a mark was needed. Editors make these deletions
    // themselves and send them as edits. Clients would hear of a deletion made by folding only when they join again.
    transaction.local = true;
  });
  return waiting;
}

/** Applies waiting updates again when all updates have been applied. Returns the part that still waits. */
function retry(doc: Y.Doc, waiting: readonly Uint8Array[]): Uint8Array | null {
  // Remove known structs first. They would hold up later structs by waiting for their own missing dependencies.
  const left = Y.diffUpdate(mergeInLevels(waiting), Y.encodeStateVector(doc));
  apply(doc, [left]);
  return beyond(left, Y.encodeStateVector(doc));
}

/** The part of an update beyond a state vector, including deletions; null if there is none. */
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
