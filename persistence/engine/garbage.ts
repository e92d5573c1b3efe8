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
 * From this many bytes on, the tables of a document are rewritten while it is being edited: some 20,000 keystrokes.
 * Rewriting takes about as much work as writing the garbage did, in LevelDB's own thread. LevelDB's log file takes up
 * as much space anyway.
 */
const openBytes = 4 * 1024 * 1024;
/** The limit for a document that is not open: LevelDB may not touch its tables again for a long time. */
const closedBytes = 512 * 1024;
/** The limit for a deleted document: deleted content should not stay on the disk. */
const deletedBytes = 256 * 1024;
/** The limit when the log is closed. Below it, rewriting costs more than it gives back. */
const lastBytes = 64 * 1024;
/** Bytes of a record in addition to its value: the key and LevelDB's overhead. */
const recordBytes = 48;

/**
 * Counts the space of deleted and replaced records, and has LevelDB rewrite their tables where that is worthwhile.
 * LevelDB by itself does so only when enough has been written over them.
 */
export class Garbage {
  readonly #deps: GarbageDeps;
  /** Obsolete bytes by document, since its tables were last rewritten. */
  readonly #bytes = new BoundedMap<string, number>(1000);

  constructor(deps: GarbageDeps) {
    this.#deps = deps;
  }

  /** Counts `records` obsolete records whose values have `bytes` bytes together. */
  add(docId: string, records: number, bytes: number): void {
    this.#bytes.set(docId, (this.#bytes.get(docId) ?? 0) + records * recordBytes + bytes);
  }

  /** Counts the obsolete bytes of a deleted document. */
  addDeleted(docId: string, bytes: number): void {
    this.add(docId, 0, bytes < deletedBytes ? bytes : openBytes);
  }

  /** Gives the space of a document back if that is worthwhile. Commits continue meanwhile. */
  async reclaim({ docId }: DocumentKeys, isOpen: boolean): Promise<void> {
    if ((this.#bytes.get(docId) ?? 0) >= (isOpen ? openBytes : closedBytes)) await this.#reclaim(docId);
  }

  /**
   * Before the log is closed, gives space back where that is worthwhile, the most first. Starts no document after
   * `budgetMs`.
   */
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
    // A memtable is only written out as a table, obsolete records included, to a level where nothing overlaps it.
    await store.reclaim(entries);
    // LevelDB rewrites tables that newer records overlap. So delete two keys around each range that no record has.
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

/** The key ranges of a document's obsolete records. Their bounds are keys that no record has. */
function rangesOf(keys: DocumentKeys): readonly [KeyRange, KeyRange, KeyRange] {
  return [keys.entries(0), keys.pieces(), keys.heads()];
}
