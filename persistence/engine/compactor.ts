import type { Compact, CompactionOutput } from '../compaction/compaction.ts';
import { mergeInLevels } from '../update/merge.ts';
import { BoundedMap } from './bounded-map.ts';
import type { Clock } from '../clock.ts';
import { baseSeqOf, readHead, readPart, readRecords, seqOf, type StoredRecords } from './document-reader.ts';
import type { Garbage } from './garbage.ts';
import type { GroupCommit } from './group-commit.ts';
import type { KeyedMutex } from './keyed-mutex.ts';
import { DocumentKeys } from './keys.ts';
import type { Leftovers } from './leftovers.ts';
import type { LogObserver } from './log-observer.ts';
import type { RecordStore } from './record-store.ts';
import { EntrySealer, type Head, type Meta, seal, sealHead, sealMeta } from './records.ts';
import type { Entry } from '../update-log.ts';

/** When a tail is folded into the snapshot. */
export interface CompactionPolicy {
  /** A smaller tail is left alone, in bytes of its updates. */
  readonly minTailBytes: number;
  /** How large the tail may grow, as a multiple of the snapshot. */
  readonly tailToSnapshotRatio: number;
  /** What each entry counts beside the bytes of its update: many small ones take long to open. */
  readonly entryCostBytes: number;
  /** Whether the content of what was deleted in this document is kept. Without it, in none. */
  readonly keepsDeleted?: (docId: string) => boolean;
}

/** What the compactor sees of an open document. */
export interface CompactedDocument {
  readonly docId: string;
  /** Bytes of the durable updates after the snapshot. */
  readonly tailBytes: number;
  readonly tailEntries: number;
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
  /** False while the disk is low: a compaction needs space before it gives some back. */
  readonly mayStart: () => boolean;
  /** The document, if it is open. */
  readonly openDocument: (docId: string) => CompactedDocument | null;
}

/**
 * Commits wait for at most one piece: on a disk that takes 100 MB/s, 3 ms. Smaller ones cost a sync each; the head
 * names the size, so it can change.
 */
const pieceBytes = 256 * 1024;
/** A document that is closed is folded from this share of the limit on: its next opening is then quick. */
const closedShare = 0.25;

/** Folds tails into snapshots, one document at a time for the whole log, and cleans up behind itself. */
export class Compactor {
  readonly #policy: CompactionPolicy;
  readonly #deps: CompactorDeps;
  readonly #sealer = new EntrySealer();
  readonly #queue = new Map<string, 'fold' | 'sweep'>();
  /** What the tail cost when folding failed. Whatever is forgotten is tried again early. */
  readonly #failedCosts = new BoundedMap<string, number>(1000);
  #folding: string | null = null;
  readonly #waiters: (() => void)[] = [];
  /** Until `start` has found what an earlier run has left behind, nothing is begun. */
  #running = true;
  #stopped = false;

  constructor(policy: CompactionPolicy, deps: CompactorDeps) {
    this.#policy = policy;
    this.#deps = deps;
  }

  /** To be called once. First of all it cleans up what an earlier run has left behind. */
  start(): void {
    const load = async (): Promise<void> => {
      for (const docId of await this.#deps.leftovers.load()) this.sweep(docId);
    };
    void this.#guard(load).then(() => this.#run());
  }

  /** Ends without waiting: what is being folded is dropped when it comes back. */
  stop(): void {
    this.#stopped = true;
    this.#queue.clear();
    this.#end();
  }

  /** The tail of an open document has grown. */
  grown(document: CompactedDocument): void {
    // While it is being folded its tail says nothing; it is looked at again afterwards.
    if (document.docId === this.#folding) return;
    if (this.#costOf(document) >= this.#limitBytes(document.docId, document.head))
      this.#enqueue(document.docId, 'fold');
  }

  /** A document is closed. */
  closed(document: CompactedDocument): void {
    this.sweep(document.docId);
    if (this.#failedCosts.get(document.docId) !== undefined) return;
    if (this.#costOf(document) >= this.#limitBytes(document.docId, document.head) * closedShare)
      this.#enqueue(document.docId, 'fold');
  }

  /** Deletes what is no longer needed, if there is any. */
  sweep(docId: string): void {
    if (this.#deps.leftovers.has(docId) && !this.#queue.has(docId)) this.#enqueue(docId, 'sweep');
  }

  /** A document has been deleted: what is left of it goes. */
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
    // A map that grows while it is read gives the new ones too.
    for (const [docId, task] of this.#queue) {
      const keys = new DocumentKeys(docId);
      this.#queue.delete(docId);
      this.#folding = docId;
      if (task === 'fold') await this.#fold(keys);
      this.#folding = null;
      if (this.#deps.leftovers.has(docId)) await this.#guard(() => this.#deps.leftovers.sweep(keys));
      // What was appended meanwhile may be worth folding already, and nothing more may follow.
      const document = this.#deps.openDocument(docId);
      if (document !== null) this.grown(document);
    }
    this.#running = false;
    this.#end();
  }

  /** Resolves when nothing is being folded or waits for it, or after `stop`. */
  settled(): Promise<void> {
    return this.#running && !this.#stopped ? new Promise((resolve) => this.#waiters.push(resolve)) : Promise.resolve();
  }

  #end(): void {
    for (const resolve of this.#waiters.splice(0)) resolve();
  }

  /** What cannot be cleaned up only takes space. */
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
      const base = await readRecords(this.#deps.store, keys);
      const meta = base.meta;
      tailBytes = base.tailBytes;
      if (meta === null || base.tail.length === 0) return;
      // It may have been folded since it was asked for.
      cost = this.#costOf({ tailBytes, tailEntries: base.tail.length });
      if (cost < this.#limitBytes(docId, base.head) * closedShare) return;
      const keepDeleted = this.#policy.keepsDeleted?.(docId) === true;
      const snapshot = await this.#readSnapshot(keys, base);
      const output = await this.#deps.compact({ snapshot, entries: base.tail, keepDeleted });
      // An unfinished snapshot of an earlier run may lie where the new one goes.
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

  /** Makes the new snapshot valid in one batch. False if the document has become another one meanwhile. */
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

/** What is set aside, as entries. */
function asideOf(tail: readonly Entry[], setAside: readonly number[], waiting: Uint8Array | null): readonly Entry[] {
  const aside = tail.filter(({ seq }) => setAside.includes(seq));
  if (waiting === null) return aside;
  // Under the number of the last entry that is folded in, since one of those brought what it had waited for.
  const folded = tail.findLast(({ seq }) => !setAside.includes(seq));
  // Its author is not known.
  if (folded !== undefined) return [...aside, { ...folded, userId: '', update: waiting }];
  // All entries are set aside, and each number is taken: it is kept together with the last of them.
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
