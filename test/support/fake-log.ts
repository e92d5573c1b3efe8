import { LogError } from '../../persistence/errors.ts';
import type {
  DocumentLog,
  Entry,
  LogFollower,
  LogState,
  OpenOptions,
  PinnedSnapshot,
  Snapshot,
  StoredDocument,
  UpdateLog,
} from '../../persistence/update-log.ts';
import { Latch } from './latch.ts';

/** A snapshot with the bytes of its parts. */
export interface StoredSnapshot {
  readonly snapshot: Snapshot;
  readonly data: readonly Uint8Array[];
}

interface FakeDocument {
  /** All entries that ever became durable. */
  readonly entries: Entry[];
  stored: StoredSnapshot | null;
  handle: FakeDocumentLog | null;
  generation: number;
  isBeingDeleted: boolean;
  deletedClients: ReadonlySet<number>;
}

/**
 * A log in memory whose commits, failures and compactions happen by command of the test, in the turn of the command.
 */
export class FakeLog implements UpdateLog {
  state: LogState = 'open';
  /** Commits by itself, in the turn after the append. */
  autoCommit = false;
  openError: Error | null = null;
  appendError: LogError | null = null;
  readonly opening = new Latch();
  readonly closing = new Latch();
  readonly reading = new Latch();
  readonly deleting = new Latch();
  deleteError: Error | null = null;
  readError: Error | null = null;
  opens = 0;
  /** Documents that were opened with `transient`. */
  readonly transient = new Set<string>();
  pins = 0;
  readonly #documents = new Map<string, FakeDocument>();

  onState(): () => void {
    return () => {};
  }

  document(docId: string): FakeDocument {
    const known = this.#documents.get(docId);
    if (known !== undefined) return known;
    const document: FakeDocument = {
      entries: [],
      stored: null,
      handle: null,
      generation: 1,
      isBeingDeleted: false,
      deletedClients: new Set(),
    };
    this.#documents.set(docId, document);
    return document;
  }

  /** Stores entries of a document before it is opened. */
  store(docId: string, updates: readonly Uint8Array[], stored: StoredSnapshot | null = null): void {
    const document = this.document(docId);
    document.stored = stored;
    for (const update of updates) {
      const seq = Math.max(stored?.snapshot.seq ?? 0, document.entries.at(-1)?.seq ?? 0) + 1;
      document.entries.push({ seq, timeMs: 0, userId: 'past', update });
    }
  }

  async open(docId: string, follower: LogFollower, options?: OpenOptions): Promise<DocumentLog> {
    this.opens++;
    if (options?.transient === true) this.transient.add(docId);
    await this.opening.passed();
    if (this.openError !== null) throw this.openError;
    const document = this.document(docId);
    if (document.handle !== null) throw new Error(`open already: ${docId}`);
    document.handle = new FakeDocumentLog(docId, this, document, follower);
    return document.handle;
  }

  /** The entries that were appended and are not durable yet. */
  pending(docId: string): readonly Entry[] {
    return this.document(docId).handle?.pending ?? [];
  }

  /** Makes the first `count` pending entries durable, as one commit. */
  commit(docId: string, count = Infinity): void {
    this.document(docId).handle?.commit(count);
  }

  /** Fails a write: the pending entries are lost, and the handle is unusable. */
  fail(docId: string): void {
    const { handle } = this.document(docId);
    if (handle === null) return;
    handle.dead = new LogError('LOG_REOPENING', 'a write has failed');
    handle.pending = [];
    handle.follower.failed(new Error('a write has failed'));
  }

  /** Replaces everything up to the `seq` of a snapshot by the snapshot, as compaction does. */
  compact(docId: string, stored: StoredSnapshot, setAside: readonly number[] = []): void {
    const document = this.document(docId);
    document.stored = stored;
    document.handle?.follower.compacted(stored.snapshot, setAside);
  }

  async delete(docId: string, clients: Iterable<number>): Promise<boolean> {
    if (this.deleteError !== null) throw this.deleteError;
    const document = this.document(docId);
    if (document.handle !== null || document.isBeingDeleted) throw new Error(`open: ${docId}`);
    document.isBeingDeleted = true;
    await this.deleting.passed();
    document.isBeingDeleted = false;
    if (document.entries.length === 0 && document.stored === null) return false;
    document.entries.length = 0;
    document.stored = null;
    document.generation++;
    document.deletedClients = new Set([...document.deletedClients, ...clients]);
    return true;
  }

  async settled(): Promise<void> {}

  async close(): Promise<void> {}
}

class FakeDocumentLog implements DocumentLog {
  readonly docId: string;
  readonly stored: StoredDocument;
  readonly follower: LogFollower;
  pending: Entry[] = [];
  dead: LogError | null = null;
  readonly #log: FakeLog;
  readonly #document: FakeDocument;

  constructor(docId: string, log: FakeLog, document: FakeDocument, follower: LogFollower) {
    this.docId = docId;
    this.#log = log;
    this.#document = document;
    this.follower = follower;
    const snapshot = document.stored?.snapshot ?? null;
    const tail = document.entries.filter((entry) => entry.seq > (snapshot?.seq ?? 0));
    const { generation, deletedClients } = document;
    this.stored = { generation, deletedClients, createdMs: 0, snapshot, tail };
  }

  forgetStored(): void {}

  append(update: Uint8Array, userId: string): Entry {
    const error = this.dead ?? this.#log.appendError;
    if (error !== null) throw error;
    const last = this.pending.at(-1) ?? this.#document.entries.at(-1);
    const seq = Math.max(last?.seq ?? 0, this.#document.stored?.snapshot.seq ?? 0) + 1;
    const entry: Entry = { seq, timeMs: 0, userId, update };
    this.pending.push(entry);
    if (this.#log.autoCommit) setImmediate(() => this.commit(Infinity));
    return entry;
  }

  commit(count: number): void {
    const entries = this.pending.splice(0, count);
    if (entries.length === 0) return;
    this.#document.entries.push(...entries);
    this.follower.committed(entries);
  }

  pin(): PinnedSnapshot | null {
    const { stored } = this.#document;
    if (stored === null) return null;
    this.#log.pins++;
    let released = false;
    return {
      snapshot: stored.snapshot,
      read: async (part) => {
        if (released) throw new Error('read after release');
        await this.#log.reading.passed();
        if (this.#log.readError !== null) throw this.#log.readError;
        return stored.data[part]!;
      },
      release: () => {
        if (!released) this.#log.pins--;
        released = true;
      },
    };
  }

  async close(): Promise<void> {
    this.commit(Infinity);
    this.dead ??= new LogError('LOG_CLOSED', 'This document is closed');
    await this.#log.closing.passed();
    if (this.#document.handle === this) this.#document.handle = null;
  }
}
