import type { Compact, CompactionOutput } from '../compaction/compaction.ts';
import { mergeInLevels } from '../update/merge.ts';
import { BoundedMap } from './bounded-map.ts';
import type { Clock } from '../clock.ts';
import { baseSeqOf, readHead, readPart, readRecords, seqOf } from './document-reader.ts';
import type { StoredRecords } from './document-reader.ts';
import type { Garbage } from './garbage.ts';
import type { GroupCommit } from './group-commit.ts';
import type { KeyedMutex } from './keyed-mutex.ts';
import { DocumentKeys } from './keys.ts';
import type { Leftovers } from './leftovers.ts';
import type { LogObserver } from './log-observer.ts';
import type { RecordStore } from './record-store.ts';
import { EntrySealer, seal, sealHead, sealMeta } from './records.ts';
import type { Head, Meta } from './records.ts';
import type { Entry } from '../update-log.ts';

/** Decides when a tail is folded into the snapshot. */
export interface CompactionPolicy {
  /** A tail with fewer bytes of updates is not folded. */
  readonly minTailBytes: number;
  /** How large the tail may grow, as a multiple of the snapshot. */
  readonly tailToSnapshotRatio: number;
  /** Bytes that each entry counts in addition to its update, because many small entries make opening slow. */
  readonly entryCostBytes: number;
  /** Whether the deleted content of a document is kept. Without this function it is kept in no document. */
  readonly keepsDeleted?: (docId: string) => boolean;
}

/** The compactor's view of an open document. */
interface CompactedDocument {
  readonly docId: string;
  /** Bytes of the durable updates after the snapshot. */
  readonly tailBytes: number;
  readonly tailEntries: number;
  /** The sequence number of the last durable entry. */
  readonly durableSeq: number;
  readonly head: Head | null;
  compacted(head: Head, foldedBytes: number, setAside: readonly number[]): void;
}

export interface CompactorDeps {
  readonly store: RecordStore;
  readonly commit: GroupCommit;
  readonly leftovers: Leftovers;
  readonly garbage: Garbage;
  /** Keeps a document from being opened while its head is replaced. */
  readonly mutex: KeyedMutex;
  readonly compact: Compact;
  readonly clock: Clock;
  readonly observer: LogObserver;
  /** False while the disk is low, because a compaction needs space before it frees some. */
  readonly mayStart: () => boolean;
  /** Returns the document if it is open. */
  readonly openDocument: (docId: string) => CompactedDocument | null;
}

/**
 * A commit waits for at most one piece: 3 ms on a disk that writes 100 MB/s. Smaller pieces would cost more syncs. The
 * head stores the piece size, so this value can change.
 */
const pieceBytes = 256 * 1024;
/** A closed document is folded from this share of the limit on, so that its next opening is quick. */
const closedShare = 0.25;

/**
 * Folds tails into snapshots, one document at a time for the whole log, and deletes the records this leaves obsolete.
 */
export class Compactor {
  readonly #policy: CompactionPolicy;
  readonly #deps: CompactorDeps;
  readonly #sealer = new EntrySealer();
  readonly #queue = new Map<string, 'fold' | 'sweep'>();
  /** The cost of a tail whose fold failed. A document evicted from this map is retried early. */
  readonly #failedCosts = new BoundedMap<string, number>(1000);
  #folding: string | null = null;
  readonly #waiters: (() => void)[] = [];
  /** True at first: no task starts until `start` has loaded the leftovers of an earlier run. */
  #running = true;
  #stopped = false;

  constructor(policy: CompactionPolicy, deps: CompactorDeps) {
    this.#policy = policy;
    this.#deps = deps;
  }

  /** Must be called once. Cleans up the leftovers of an earlier run before it folds anything. */
  start(): void {
    const load = async (): Promise<void> => {
      for (const docId of await this.#deps.leftovers.load()) this.sweep(docId);
    };
    void this.#guard(load).then(() => this.#run());
  }

  /** Stops without waiting. The result of a fold in progress is dropped. */
  stop(): void {
    this.#stopped = true;
    this.#queue.clear();
    this.#end();
  }

  /** Call when the tail of an open document has grown. */
  grown(document: CompactedDocument): void {
    // The tail of a document that is being folded tells nothing. It is checked again afterwards.
    if (document.docId === this.#folding) return;
    if (this.#costOf(document) >= this.#limitBytes(document.docId, document.head))
      this.#enqueue(document.docId, 'fold');
  }

  /** Call when a document has been closed. */
  closed(document: CompactedDocument): void {
    this.sweep(document.docId);
    if (this.#failedCosts.get(document.docId) !== undefined) return;
    if (this.#costOf(document) >= this.#limitBytes(document.docId, document.head) * closedShare)
      this.#enqueue(document.docId, 'fold');
  }

  /** Schedules the deletion of a document's leftovers, if it has any. */
  sweep(docId: string): void {
    if (this.#deps.leftovers.has(docId) && !this.#queue.has(docId)) this.#enqueue(docId, 'sweep');
  }

  /** Call when a document has been deleted: schedules the deletion of its records. */
  deleted(docId: string): void {
    this.#failedCosts.delete(docId);
    this.sweep(docId);
  }

  #costOf({ tailBytes, tailEntries }: { readonly tailBytes: number; readonly tailEntries: number }): number {
    return tailBytes + tailEntries * this.#policy.entryCostBytes;
  }

  #limitBytes(docId: string, head: Head | null): number {
    const { minTailBytes, tailToSnapshotRatio } = this.#policy;
    const snapshotBytes = head === null ? 0 : bytesOf(head);
    const afterFailure = 2 * (this.#failedCosts.get(docId) ?? 0);
    return Math.max(minTailBytes, tailToSnapshotRatio * snapshotBytes, afterFailure);
  }

  #enqueue(docId: string, task: 'fold' | 'sweep'): void {
    if (this.#stopped || (task === 'fold' && !this.#deps.mayStart())) return;
    this.#queue.set(docId, task);
    if (!this.#running) void this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    // Iterating over a map that grows also visits the new entries.
    for (const [docId, task] of this.#queue) {
      const keys = new DocumentKeys(docId);
      this.#queue.delete(docId);
      this.#folding = docId;
      if (task === 'fold') await this.#fold(keys);
      this.#folding = null;
      if (this.#deps.leftovers.has(docId)) await this.#guard(() => this.#deps.leftovers.sweep(keys));
      // The entries appended meanwhile may be worth folding already, and no further entry may come to trigger it.
      const document = this.#deps.openDocument(docId);
      if (document !== null) this.grown(document);
    }
    this.#running = false;
    this.#end();
  }

  /** Resolves when no document is being folded or waits to be folded, or after `stop`. */
  settled(): Promise<void> {
    return this.#running && !this.#stopped ? new Promise((resolve) => this.#waiters.push(resolve)) : Promise.resolve();
  }

  #end(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** Reports an error instead of throwing it: records that cannot be deleted only take up space. */
  async #guard(cleanUp: () => Promise<void>): Promise<void> {
    if (this.#stopped) return;
    try {
      await cleanUp();
    } catch (error) {
      if (!this.#stopped) this.#deps.observer.failed?.({ during: 'clean-up', error });
    }
  }

  async #fold(keys: DocumentKeys): Promise<void> {
    const { docId } = keys;
    const startMs = this.#deps.clock.monotonicMs();
    let tailBytes = 0;
    let cost = 0;
    try {
      const durableSeq = this.#deps.openDocument(docId)?.durableSeq ?? null;
      const base = await readRecords(this.#deps.store, keys, durableSeq);
      const meta = base.meta;
      tailBytes = base.tailBytes;
      if (meta === null || base.tail.length === 0) return;
      // The document may have been folded since the task was queued.
      cost = this.#costOf({ tailBytes, tailEntries: base.tail.length });
      if (cost < this.#limitBytes(docId, base.head) * closedShare) return;
      const keepDeleted = this.#policy.keepsDeleted?.(docId) === true;
      const snapshot = await this.#readSnapshot(keys, base);
      const output = await this.#deps.compact({ snapshot, entries: base.tail, keepDeleted });
      // An unfinished snapshot of an earlier run may occupy the keys of the new one.
      if (this.#deps.leftovers.has(docId)) await this.#deps.leftovers.sweep(keys);
      if (this.#stopped) return;
      const head = headOf(base, output);
      await this.#writePieces(keys, head, output);
      if (!(await this.#replace(keys, head, { ...base, meta }, output))) return;
      this.#failedCosts.delete(docId);
      this.#deps.garbage.add(docId, base.tail.length, tailBytes + (base.head === null ? 0 : bytesOf(base.head)));
      this.#deps.observer.compacted?.({
        docId,
        seq: head.snapshot.seq,
        entries: base.tail.length,
        tailBytes,
        snapshotBytes: bytesOf(head),
        setAside: output.setAside,
        waitingSetAside: output.waitingSetAside !== null,
        durationMs: this.#deps.clock.monotonicMs() - startMs,
      });
    } catch (error) {
      if (this.#stopped) return;
      this.#failedCosts.set(docId, cost);
      this.#deps.observer.compactionFailed?.({ docId, tailBytes, error });
    }
  }

  async #readSnapshot(keys: DocumentKeys, { head }: StoredRecords): Promise<Uint8Array[]> {
    if (head === null) return [];
    const { parts, pending } = head.snapshot;
    const data: Uint8Array[] = [];
    for (let part = 0; part < parts.length; part += 1) data.push(await readPart(this.#deps.store, keys, head, part));
    return pending === null ? data : [...data, pending];
  }

  async #writePieces(keys: DocumentKeys, head: Head, { parts }: CompactionOutput): Promise<void> {
    const { commit, leftovers } = this.#deps;
    await commit.write((batch) => leftovers.mark(keys, batch));
    let piece = 0;
    for (const { data } of parts) {
      for (let from = 0; from < data.length; from += pieceBytes) {
        const key = keys.piece(head.snapshot.seq, piece);
        await commit.write((batch) => batch.put(key, seal(key, data.subarray(from, from + pieceBytes))));
        piece += 1;
      }
    }
  }

  /**
   * Makes the new snapshot valid in one batch. Resolves with false if the document has changed generation or snapshot
   * meanwhile.
   */
  #replace(
    keys: DocumentKeys,
    head: Head,
    base: StoredRecords & { readonly meta: Meta },
    { setAside, waitingSetAside }: CompactionOutput,
  ): Promise<boolean> {
    const aside = asideOf(base.tail, setAside, waitingSetAside);
    return this.#deps.mutex.run(keys.docId, async () => {
      const now = await readHead(this.#deps.store, keys);
      const same = now.meta?.generation === base.meta.generation && seqOf(now.head) === seqOf(base.head);
      if (!same || this.#stopped) return false;
      const { seq } = head.snapshot;
      const meta: Meta = {
        ...base.meta,
        changedMs: base.tail.at(-1)?.timeMs ?? base.meta.changedMs,
        snapshotSeq: seq,
        snapshotBytes: bytesOf(head),
      };
      await this.#deps.commit.write((batch) => {
        for (const entry of aside) {
          const key = keys.setAside(entry.seq);
          batch.put(key, this.#sealer.seal(key, entry));
        }
        batch.put(keys.head, sealHead(keys.head, head));
        batch.put(keys.meta, sealMeta(keys.meta, meta));
      });
      const kept = aside.map((entry) => entry.seq);
      this.#deps.openDocument(keys.docId)?.compacted(head, base.tailBytes, kept);
      return true;
    });
  }
}

/** The updates to set aside, as entries. */
function asideOf(tail: readonly Entry[], setAside: readonly number[], waiting: Uint8Array | null): readonly Entry[] {
  const aside = tail.filter(({ seq }) => setAside.includes(seq));
  if (waiting === null) return aside;
  // The set-aside update gets the number of the last folded entry, because one of the folded entries completed it.
  const folded = tail.findLast(({ seq }) => !setAside.includes(seq));
  // The author of the update is unknown.
  if (folded !== undefined) return [...aside, { ...folded, userId: '', update: waiting }];
  // All entries are set aside and every number is taken, so the update is merged into the last of them.
  const last = aside.at(-1)!;
  return [...aside.slice(0, -1), { ...last, update: mergeInLevels([last.update, waiting]) }];
}

function headOf(base: StoredRecords, { parts, pending, stateVector, deleteSet }: CompactionOutput): Head {
  return {
    pieceBytes,
    snapshot: {
      seq: baseSeqOf(base) + base.tail.length,
      parts: parts.map(({ data, intervals }) => ({ bytes: data.length, intervals })),
      pending,
      stateVector,
      deleteSet,
    },
  };
}

function bytesOf({ snapshot }: Head): number {
  let bytes = snapshot.pending?.length ?? 0;
  for (const part of snapshot.parts) bytes += part.bytes;
  return bytes;
}
