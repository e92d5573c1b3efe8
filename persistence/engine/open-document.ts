import { LogError } from '../errors.ts';
import type { Clock } from '../clock.ts';
import { baseSeqOf, generationOf } from './document-reader.ts';
import type { StoredRecords } from './document-reader.ts';
import type { CommitTarget, GroupCommit } from './group-commit.ts';
import type { DocumentKeys } from './keys.ts';
import type { LogObserver } from './log-observer.ts';
import type { Pins } from './pins.ts';
import type { RecordBatch } from './record-store.ts';
import { maxUserIdLength, seal, sealMeta } from './records.ts';
import type { EntrySealer, Head } from './records.ts';
import type { DocumentLog, Entry, LogFollower, PinnedSnapshot, StoredDocument } from '../update-log.ts';

export interface OpenDocumentDeps {
  readonly commit: GroupCommit;
  readonly pins: Pins;
  readonly clock: Clock;
  readonly sealer: EntrySealer;
  readonly observer: LogObserver;
  /** Returns why appending is refused at the moment, or null. */
  readonly refusal: () => LogError | null;
  /** Called when the tail of a document has grown. */
  readonly grown: (document: OpenDocument) => void;
  /** Called when a closed document has nothing in flight any more. */
  readonly closed: (document: OpenDocument) => void;
}

/** Shared by all documents that were never deleted, which is nearly all of them. */
const noClients: ReadonlySet<number> = new Set();

/** One open document: numbers its entries, passes them to the group commit and tells its follower. */
export class OpenDocument implements DocumentLog, CommitTarget {
  readonly keys: DocumentKeys;
  waiting: Entry[] = [];
  inFlight: Entry[] | null = null;
  readonly #deps: OpenDocumentDeps;
  readonly #follower: LogFollower;
  #stored: StoredDocument | null;
  readonly #generation: number;
  readonly #transient: boolean;
  #lastSeq: number;
  #durableSeq: number;
  /** Sequence number of the entry before the tail. */
  #baseSeq: number;
  #tailBytes: number;
  #head: Head | null;
  #hasMeta: boolean;
  #state: 'open' | 'closing' | 'ended' = 'open';
  #failure: LogError | null = null;
  #closePromise: Promise<void> | null = null;
  #resolveClose: (() => void) | null = null;

  /** A `transient` document is marked as such when it is first written to. */
  constructor(
    keys: DocumentKeys,
    records: StoredRecords,
    follower: LogFollower,
    transient: boolean,
    deps: OpenDocumentDeps,
  ) {
    const { meta, head, tombstone, tail, tailBytes } = records;
    this.keys = keys;
    this.#deps = deps;
    this.#follower = follower;
    this.#generation = generationOf(tombstone);
    this.#transient = transient;
    this.#baseSeq = baseSeqOf(records);
    this.#lastSeq = this.#baseSeq + tail.length;
    this.#durableSeq = this.#lastSeq;
    this.#tailBytes = tailBytes;
    this.#head = head;
    this.#hasMeta = meta !== null;
    this.#stored = {
      generation: this.#generation,
      deletedClients: tombstone === null ? noClients : new Set(tombstone.clients),
      createdMs: meta?.createdMs ?? deps.clock.wallMs(),
      snapshot: head === null ? null : head.snapshot,
      tail,
    };
  }

  get docId(): string {
    return this.keys.docId;
  }

  get stored(): StoredDocument {
    if (this.#stored === null) throw new Error('The stored document was dropped by forgetStored');
    return this.#stored;
  }

  forgetStored(): void {
    this.#stored = null;
    if (this.#state === 'open') this.#deps.grown(this);
  }

  /** Bytes of the durable updates after the snapshot. */
  get tailBytes(): number {
    return this.#tailBytes;
  }

  /** Durable entries after the snapshot. */
  get durableSeq(): number {
    return this.#durableSeq;
  }

  get tailEntries(): number {
    return this.#durableSeq - this.#baseSeq;
  }

  get head(): Head | null {
    return this.#head;
  }

  /** Whether the document has records that must be erased when it is closed. */
  get mustBeErased(): boolean {
    return this.#transient && this.#hasMeta;
  }

  append(update: Uint8Array, userId: string): Entry {
    const refusal = this.#refusal();
    if (refusal !== null) throw refusal;
    if (userId.length > maxUserIdLength) throw new RangeError(`A user id has at most ${maxUserIdLength} characters`);
    this.#lastSeq += 1;
    const entry: Entry = { seq: this.#lastSeq, timeMs: this.#deps.clock.wallMs(), userId, update };
    this.#deps.commit.append(entry, this);
    return entry;
  }

  write(entry: Entry, batch: RecordBatch): void {
    if (!this.#hasMeta) this.#writeMeta(entry, batch);
    const key = this.keys.entryScratch(entry.seq);
    batch.put(key, this.#deps.sealer.seal(key, entry));
  }

  committed(entries: Entry[]): void {
    for (const entry of entries) this.#tailBytes += entry.update.length;
    this.#durableSeq += entries.length;
    this.#tell(() => this.#follower.committed(entries));
    if (this.#state === 'open') this.#deps.grown(this);
    else this.#settle();
  }

  /** A new snapshot is valid. It contains `foldedBytes` of the tail. */
  compacted(head: Head, foldedBytes: number, setAside: readonly number[]): void {
    this.#head = head;
    this.#baseSeq = head.snapshot.seq;
    this.#tailBytes -= foldedBytes;
    if (this.#state !== 'ended') this.#tell(() => this.#follower.compacted(head.snapshot, setAside));
  }

  pin(): PinnedSnapshot | null {
    if (this.#state === 'ended') throw this.#refusal() ?? closedError();
    return this.#head === null ? null : this.#deps.pins.pin(this.keys, this.#head);
  }

  close(): Promise<void> {
    this.#closePromise ??= new Promise((resolve) => {
      this.#resolveClose = resolve;
      if (this.#state === 'open') this.#state = 'closing';
      this.#settle();
    });
    return this.#closePromise;
  }

  /** The log is closed. All entries are durable by now. */
  end(error: LogError): void {
    if (this.#state === 'ended') return;
    this.#failure = error;
    this.#end();
  }

  /** The store has failed. Entries that were not durable may be lost. */
  fail(error: LogError): void {
    if (this.#state === 'ended') return;
    this.end(error);
    this.#tell(() => this.#follower.failed(error));
  }

  #refusal(): LogError | null {
    if (this.#failure !== null) return this.#failure;
    if (this.#state !== 'open') return closedError();
    return this.#deps.refusal();
  }

  /** Puts the meta record into the batch of the first entry, so that a document has both or neither. */
  #writeMeta(entry: Entry, batch: RecordBatch): void {
    const { timeMs } = entry;
    const meta = {
      generation: this.#generation,
      createdMs: timeMs,
      changedMs: timeMs,
      snapshotSeq: 0,
      snapshotBytes: 0,
    };
    batch.put(this.keys.meta, sealMeta(this.keys.meta, meta));
    if (this.#transient) batch.put(this.keys.transient, seal(this.keys.transient, new Uint8Array(0)));
    this.#hasMeta = true;
  }

  #settle(): void {
    if (this.#state === 'closing' && this.#durableSeq === this.#lastSeq) this.#end();
    else if (this.#state === 'ended') this.#resolveClose?.();
  }

  #end(): void {
    this.#state = 'ended';
    // The owner removes the document before `close` resolves, because its caller may open it again at once.
    this.#deps.closed(this);
    this.#resolveClose?.();
  }

  /** Catches errors, because a follower that throws must not affect the log or other followers. */
  #tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#deps.observer.failed?.({ during: 'follower', error });
    }
  }
}

function closedError(): LogError {
  return new LogError('LOG_CLOSED', 'This document is closed');
}
