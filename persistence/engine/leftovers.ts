import { allPieceCount, baseSeqOf, readHead } from './document-reader.ts';
import type { Garbage } from './garbage.ts';
import type { GroupCommit } from './group-commit.ts';
import type { KeyedMutex } from './keyed-mutex.ts';
import { allLeftovers, docIdOf, pieceOf } from './keys.ts';
import type { DocumentKeys } from './keys.ts';
import type { Pins } from './pins.ts';
import type { KeyRange, RecordBatch, RecordStore } from './record-store.ts';
import { seal } from './records.ts';
import type { Tombstone } from './records.ts';

export interface LeftoversDeps {
  readonly store: RecordStore;
  readonly commit: GroupCommit;
  readonly garbage: Garbage;
  readonly pins: Pins;
  readonly mutex: KeyedMutex;
  /** True also while the document is being opened. */
  readonly isOpen: (docId: string) => boolean;
}

/** Takes some 2 ms to put. */
const maxDeletionsPerBatch = 1000;

/**
 * Records that no valid snapshot refers to: folded entries, pieces of replaced or unfinished snapshots, and all records
 * of a deleted document.
 * A document that may have leftovers carries a mark on disk. The mark is written before the first leftover and removed
 * after the last, so the next start finds every leftover of a crash.
 */
export class Leftovers {
  readonly #deps: LeftoversDeps;
  readonly #marked = new Set<string>();

  constructor(deps: LeftoversDeps) {
    this.#deps = deps;
  }

  /** Reads the marks of an earlier run and returns their documents. */
  async load(): Promise<readonly string[]> {
    for await (const keys of this.#deps.store.scanKeys(allLeftovers)) {
      for (const key of keys) this.#marked.add(docIdOf(key));
    }
    return [...this.#marked];
  }

  has(docId: string): boolean {
    return this.#marked.has(docId);
  }

  /** Marks a document. Call it in the batch that writes the first record that may become a leftover. */
  mark(keys: DocumentKeys, batch: RecordBatch): void {
    this.#marked.add(keys.docId);
    batch.put(keys.leftovers, seal(keys.leftovers, new Uint8Array(0)));
  }

  /**
   * Deletes the records that the document's head does not refer to and that are not pinned. Removes the mark when no
   * leftovers remain. Must not run while a snapshot of the document is being written.
   */
  async sweep(keys: DocumentKeys): Promise<void> {
    const { store, garbage, pins, isOpen } = this.#deps;
    const stored = await readHead(store, keys);
    const { head, tombstone } = stored;
    const headPieces = head === null ? 0 : allPieceCount(head);
    let pinned = false;
    await this.#deleteIf(keys.entries(0, baseSeqOf(stored) + 1), () => true);
    if (tombstone !== null) await this.#deleteIf(keys.setAsides(tombstone.lastSeq + 1), () => true);
    await this.#deleteIf(keys.pieces(), (key) => {
      const { seq, piece } = pieceOf(key);
      if (seq === head?.snapshot.seq) return piece >= headPieces;
      if (!pins.isPinned(keys.docId, seq)) return true;
      pinned = true;
      return false;
    });
    if (pinned) return;
    if (await this.#unmark(keys, tombstone)) await garbage.reclaim(keys, isOpen(keys.docId));
  }

  /**
   * Removes the mark last: without the mark, remaining records would never be found again. An unneeded tombstone goes
   * in the same batch, but not while an open document relies on it. Resolves with false if more was deleted meanwhile,
   * or if the unneeded tombstone must stay because the document is open.
   */
  #unmark(keys: DocumentKeys, swept: Tombstone | null): Promise<boolean> {
    const { store, commit, mutex, isOpen } = this.#deps;
    return mutex.run(keys.docId, async () => {
      const { meta, tombstone } = await readHead(store, keys);
      const isUnneeded = tombstone?.transient === true && meta === null;
      if (tombstone?.lastSeq !== swept?.lastSeq || (isUnneeded && isOpen(keys.docId))) return false;
      await commit.write((batch) => {
        batch.del(keys.leftovers);
        if (isUnneeded) batch.del(keys.tombstone);
      });
      this.#marked.delete(keys.docId);
      return true;
    });
  }

  async #deleteIf(range: KeyRange, obsolete: (key: Uint8Array) => boolean): Promise<void> {
    for await (const keys of this.#deps.store.scanKeys(range)) {
      const doomed = keys.filter(obsolete);
      for (let from = 0; from < doomed.length; from += maxDeletionsPerBatch) {
        // Without sync: if a crash undoes a deletion, the mark makes the next start repeat it.
        await this.#deps.commit.write(
          (batch) => {
            for (const key of doomed.slice(from, from + maxDeletionsPerBatch)) batch.del(key);
          },
          { sync: false },
        );
      }
    }
  }
}
