import type { LogError } from '../errors.ts';
import { readPart } from './document-reader.ts';
import type { DocumentKeys } from './keys.ts';
import type { RecordStore } from './record-store.ts';
import type { Head } from './records.ts';
import type { PinnedSnapshot } from '../update-log.ts';

/**
 * Counts the readers of each snapshot, so that its pieces are kept. A pin outlives the document's handle, but not the
 * store.
 */
export class Pins {
  readonly #store: RecordStore;
  readonly #released: (docId: string) => void;
  /** Number of pins by document id and sequence number of the snapshot. */
  readonly #counts = new Map<string, Map<number, number>>();
  #dead: LogError | null = null;

  /** `released` is called when the last pin of a snapshot is released. */
  constructor(store: RecordStore, released: (docId: string) => void) {
    this.#store = store;
    this.#released = released;
  }

  pin(keys: DocumentKeys, head: Head): PinnedSnapshot {
    const { docId } = keys;
    const { seq } = head.snapshot;
    this.#add(docId, seq);
    let held = true;
    return {
      snapshot: head.snapshot,
      read: async (part) => {
        if (this.#dead !== null) throw this.#dead;
        if (!held) throw new Error('This pin has been released');
        try {
          return await readPart(this.#store, keys, head, part);
        } catch (error) {
          // The read failed because the database was closed during it.
          throw this.#dead ?? error;
        }
      },
      release: () => {
        if (!held) return;
        held = false;
        this.#remove(docId, seq);
      },
    };
  }

  isPinned(docId: string, seq: number): boolean {
    return this.#counts.get(docId)?.has(seq) ?? false;
  }

  /** The store has failed: all reads reject with this error from now on. */
  kill(error: LogError): void {
    this.#dead = error;
  }

  #add(docId: string, seq: number): void {
    const counts = this.#counts.get(docId) ?? new Map<number, number>();
    counts.set(seq, (counts.get(seq) ?? 0) + 1);
    this.#counts.set(docId, counts);
  }

  #remove(docId: string, seq: number): void {
    const counts = this.#counts.get(docId);
    const count = counts?.get(seq) ?? 0;
    if (counts === undefined) return;
    if (count > 1) {
      counts.set(seq, count - 1);
      return;
    }
    counts.delete(seq);
    if (counts.size === 0) this.#counts.delete(docId);
    this.#released(docId);
  }
}
