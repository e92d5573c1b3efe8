import { BoundedMap } from './bounded-map.ts';
import type { Clock } from '../clock.ts';
import type { GroupCommit } from './group-commit.ts';
import { DocumentKeys } from './keys.ts';
import type { KeyRange, RecordStore } from './record-store.ts';

export interface GarbageDeps {
  readonly store: RecordStore;
  readonly commit: GroupCommit;
  readonly clock: Pick<Clock, 'monotonicMs'>;
}

/**
 * From here on a document's tables are rewritten while it is edited: some 20,000 keystrokes. Rewriting costs about as much
 * again as was thrown away, in LevelDB's own thread; LevelDB's log file holds as much anyway.
 */
const openBytes = 4 * 1024 * 1024;
/** The same for one that nobody has open: LevelDB may not come across it again for a long time. */
const closedBytes = 512 * 1024;
/** The same for one that was deleted: what people want gone should not stay. */
const deletedBytes = 256 * 1024;
/** The same when the log is closed; below, it costs more than it gives back. */
const lastBytes = 64 * 1024;
/** Beside its value: the key, LevelDB's own bytes. */
const recordBytes = 48;

/**
 * Records that were deleted or replaced take space until LevelDB rewrites the tables in which they lie, and it does so only
 * when enough has been written over them. Counts them, and has those tables rewritten where it is worth it.
 */
export class Garbage {
  readonly #deps: GarbageDeps;
  /** By document, since its tables were last rewritten. */
  readonly #bytes = new BoundedMap<string, number>(1000);

  constructor(deps: GarbageDeps) {
    this.#deps = deps;
  }

  /** So many records, whose values have these bytes in all, are obsolete. */
  add(docId: string, records: number, bytes: number): void {
    this.#bytes.set(docId, (this.#bytes.get(docId) ?? 0) + records * recordBytes + bytes);
  }

  /** A deletion has made these bytes obsolete. */
  addDeleted(docId: string, bytes: number): void {
    this.add(docId, 0, bytes < deletedBytes ? bytes : openBytes);
  }

  /** Gives the space of a document back if it is worth it. Edits are committed meanwhile. */
  async reclaim({ docId }: DocumentKeys, isOpen: boolean): Promise<void> {
    if ((this.#bytes.get(docId) ?? 0) >= (isOpen ? openBytes : closedBytes)) await this.#reclaim(docId);
  }

  /** Gives back what is worth it before the log is closed, the most first; begins with no further document after `budgetMs`. */
  async reclaimLast(budgetMs: number): Promise<void> {
    const endMs = this.#deps.clock.monotonicMs() + budgetMs;
    const documents = [...this.#bytes.entries()].filter(([, bytes]) => bytes >= lastBytes);
    for (const [docId] of documents.sort(([, a], [, b]) => b - a)) {
      if (this.#deps.clock.monotonicMs() >= endMs) return;
      await this.#reclaim(docId);
    }
  }

  async #reclaim(docId: string): Promise<void> {
    const { store, commit } = this.#deps;
    this.#bytes.delete(docId);
    const ranges = rangesOf(new DocumentKeys(docId));
    const [entries] = ranges;
    // What is in memory only becomes a table, and goes as it is, dead records included, to where nothing lies over it.
    await store.reclaim(entries);
    // LevelDB rewrites what something newer lies over: the deletion of keys that no record has, around all of them.
    await commit.write(
      (batch) => {
        for (const { gte, lt } of ranges) {
          batch.del(gte);
          batch.del(lt);
        }
      },
      { sync: false },
    );
    for (const range of ranges) await store.reclaim(range);
  }
}

/** Where a document's garbage lies; the bounds themselves are the keys of no record. */
function rangesOf(keys: DocumentKeys): readonly [KeyRange, KeyRange, KeyRange] {
  return [keys.entries(0), keys.pieces(), keys.heads()];
}
