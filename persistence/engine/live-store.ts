import type { Compact } from '../compaction/compaction.ts';
import { LogError } from '../errors.ts';
import type { Clock } from '../clock.ts';
import { Compactor } from './compactor.ts';
import type { CompactionPolicy } from './compactor.ts';
import { deleteDocument } from './deletion.ts';
import type { DeletionDeps } from './deletion.ts';
import { readRecords } from './document-reader.ts';
import { Garbage } from './garbage.ts';
import { GroupCommit } from './group-commit.ts';
import { KeyedMutex } from './keyed-mutex.ts';
import { allTransient, DocumentKeys, docIdOf } from './keys.ts';
import { Leftovers } from './leftovers.ts';
import type { LogObserver } from './log-observer.ts';
import { OpenDocument } from './open-document.ts';
import type { OpenDocumentDeps } from './open-document.ts';
import type { CommitPacing } from './pacing.ts';
import { Pins } from './pins.ts';
import type { RecordStore } from './record-store.ts';
import { EntrySealer } from './records.ts';
import type { LogFollower, OpenOptions } from '../update-log.ts';

export interface LiveStoreOptions {
  /** `fsync`: an entry is durable when it is on disk. `write`: when the kernel has it; a power cut can lose it. */
  readonly commit: 'fsync' | 'write';
  readonly compaction: CompactionPolicy;
}

export interface LiveStoreDeps {
  readonly compact: Compact;
  readonly clock: Clock;
  readonly pacing: CommitPacing;
  readonly observer: LogObserver;
  /** Returns why appending is refused at the moment, or null. */
  readonly refusal: () => LogError | null;
  /** Called once, after a batch failed to be written and everything in this store is dead. */
  readonly failed: (error: Error) => void;
}

/**
 * How long `close` may spend on giving space back, plus the time for the document it has started: some 50 ms per MB.
 * The rest only takes up space.
 */
const reclaimBudgetMs = 500;

/** One opening of the store, with everything that dies when a write fails: documents, commits, compaction and pins. */
export class LiveStore {
  readonly #store: RecordStore;
  readonly #deps: LiveStoreDeps;
  readonly #commit: GroupCommit;
  readonly #compactor: Compactor;
  readonly #garbage: Garbage;
  readonly #pins: Pins;
  readonly #mutex = new KeyedMutex();
  readonly #documentDeps: OpenDocumentDeps;
  readonly #deletionDeps: DeletionDeps;
  /** Null while the document is being read or deleted. */
  readonly #documents = new Map<string, OpenDocument | null>();
  /** Resolves when all scheduled erasures of transient documents have ended. */
  #erased: Promise<unknown> = Promise.resolve();
  /** Why the store is dead; null while it works. */
  #end: LogError | null = null;

  constructor(store: RecordStore, options: LiveStoreOptions, deps: LiveStoreDeps) {
    const { clock, observer, pacing, compact, refusal } = deps;
    this.#store = store;
    this.#deps = deps;
    const failed = (error: Error): void => this.#fail(error);
    this.#commit = new GroupCommit(options.commit === 'fsync', { store, clock, pacing, observer, failed });
    this.#garbage = new Garbage({ store, commit: this.#commit, clock });
    this.#pins = new Pins(store, (docId) => this.#compactor.sweep(docId));
    const leftovers = new Leftovers({
      store,
      commit: this.#commit,
      garbage: this.#garbage,
      pins: this.#pins,
      mutex: this.#mutex,
      isOpen: (docId) => this.#documents.has(docId),
    });
    this.#deletionDeps = { store, commit: this.#commit, leftovers, garbage: this.#garbage };
    this.#compactor = new Compactor(options.compaction, {
      store,
      commit: this.#commit,
      leftovers,
      garbage: this.#garbage,
      mutex: this.#mutex,
      compact,
      clock,
      observer,
      mayStart: () => refusal() === null,
      openDocument: (docId) => this.#documents.get(docId) ?? null,
    });
    this.#documentDeps = {
      commit: this.#commit,
      pins: this.#pins,
      clock,
      sealer: new EntrySealer(),
      observer,
      refusal,
      grown: (document) => this.#compactor.grown(document),
      closed: (document) => {
        this.#documents.delete(document.docId);
        this.#compactor.closed(document);
        if (document.mustBeErased) this.#eraseLater(() => this.#erase(document.keys));
      },
    };
  }

  /** Starts compaction and the clean-up after an earlier run. Call it once. */
  start(): void {
    this.#compactor.start();
    this.#eraseLater(() => this.#eraseForgotten());
  }

  async open(docId: string, follower: LogFollower, { transient }: OpenOptions): Promise<OpenDocument> {
    const keys = new DocumentKeys(docId);
    if (this.#documents.has(docId)) throw new Error('This document is open already, or still closing');
    this.#documents.set(docId, null);
    try {
      // The document is registered inside the mutex, so that it hears of every snapshot that is replaced later.
      return await this.#mutex.run(docId, async () => {
        const records = await readRecords(this.#store, keys);
        if (this.#end !== null) throw this.#end;
        const document = new OpenDocument(keys, records, follower, transient, this.#documentDeps);
        this.#documents.set(docId, document);
        return document;
      });
    } catch (error) {
      if (this.#documents.get(docId) === null) this.#documents.delete(docId);
      // The read failed because the database was closed during it.
      throw this.#end ?? error;
    }
  }

  async delete(docId: string, clients: Iterable<number>): Promise<boolean> {
    const keys = new DocumentKeys(docId);
    if (this.#documents.has(docId)) throw new Error('This document is open, or still closing');
    this.#documents.set(docId, null);
    try {
      const epitaph = { deletedMs: this.#deps.clock.wallMs(), transient: false, clients };
      return await this.#mutex.run(docId, () => deleteDocument(keys, epitaph, this.#deletionDeps));
    } catch (error) {
      throw this.#end ?? error;
    } finally {
      if (this.#documents.get(docId) === null) this.#documents.delete(docId);
      this.#compactor.deleted(docId);
    }
  }

  /** Erases transient documents that were open when the last log ended. */
  async #eraseForgotten(): Promise<void> {
    for await (const keys of this.#store.scanKeys(allTransient)) {
      for (const key of keys) await this.#erase(new DocumentKeys(docIdOf(key)));
    }
  }

  /** Erases a closed transient document, unless it has been opened again. */
  async #erase(keys: DocumentKeys): Promise<void> {
    const { docId } = keys;
    const epitaph = { deletedMs: this.#deps.clock.wallMs(), transient: true, clients: [] };
    await this.#mutex.run(docId, async () => {
      if ((this.#documents.get(docId) ?? null) === null) await deleteDocument(keys, epitaph, this.#deletionDeps);
    });
    this.#compactor.deleted(docId);
  }

  /** Erases in the background. A document that cannot be erased now is erased at the next start. */
  #eraseLater(erase: () => Promise<void>): void {
    const erased = erase().catch((error: unknown) => {
      if (this.#end === null) this.#deps.observer.failed?.({ during: 'clean-up', error });
    });
    this.#erased = Promise.all([this.#erased, erased]);
  }

  /** Resolves when no document is being folded or waits to be folded. */
  async settled(): Promise<void> {
    await this.#erased;
    await this.#compactor.settled();
  }

  /**
   * Commits waiting entries, drops compaction, gives space back and closes the store. All handles are dead afterwards.
   */
  async close(): Promise<void> {
    this.#compactor.stop();
    await this.#commit.drain();
    await this.#reclaimLast();
    const error = new LogError('LOG_CLOSED', 'The log is closed');
    this.#die(error);
    for (const document of this.#documents.values()) document?.end(error);
    await this.#store.close();
  }

  async #reclaimLast(): Promise<void> {
    try {
      await this.#garbage.reclaimLast(reclaimBudgetMs);
    } catch (error) {
      if (this.#end === null) this.#deps.observer.failed?.({ during: 'clean-up', error });
    }
  }

  /** Closes the store after a failure. */
  async abandon(): Promise<void> {
    await this.#store.close();
  }

  #fail(cause: Error): void {
    const message = 'A write has failed. The database is being reopened; open the document again afterwards';
    const error = new LogError('LOG_REOPENING', message, { cause });
    this.#compactor.stop();
    this.#die(error);
    this.#deps.failed(cause);
    for (const document of this.#documents.values()) document?.fail(error);
  }

  #die(error: LogError): void {
    this.#end ??= error;
    this.#commit.kill(error);
    this.#pins.kill(error);
  }
}
