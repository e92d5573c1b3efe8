import { LogError } from '../errors.ts';
import type { Timer } from '../clock.ts';
import { probeKey } from './keys.ts';
import { LiveStore } from './live-store.ts';
import type { LiveStoreDeps, LiveStoreOptions } from './live-store.ts';
import type { RecordStore } from './record-store.ts';
import { seal } from './records.ts';
import type { DocumentLog, LogFollower, LogState, OpenOptions, UpdateLog } from '../update-log.ts';

export type RecordLogOptions = LiveStoreOptions;

export interface RecordLogDeps extends Omit<LiveStoreDeps, 'refusal' | 'failed'> {
  /** Opens the store again after a failed write. The old store is closed by then. */
  readonly reopen: (cause: unknown) => Promise<RecordStore>;
}

/** Delay between attempts to reopen the store: long enough not to spin, short enough for a client that waits. */
const firstRetryMs = 100;
const lastRetryMs = 5000;

/** An UpdateLog on any RecordStore. Owns the store: closes it, and replaces it after a failed write. */
export class RecordLog implements UpdateLog {
  readonly #options: RecordLogOptions;
  readonly #deps: RecordLogDeps;
  readonly #listeners = new Set<(state: LogState) => void>();
  #live: LiveStore;
  #state: LogState = 'open';
  #reopening: Promise<void> | null = null;
  #diskLow = false;
  #closed = false;
  #closing: Promise<void> | null = null;
  #retry: Timer | null = null;
  #endRetry: (() => void) | null = null;

  constructor(store: RecordStore, options: RecordLogOptions, deps: RecordLogDeps) {
    this.#options = options;
    this.#deps = deps;
    this.#live = this.#liveStore(store);
  }

  /** Starts the work on the first store. A subclass calls it once, when the log is constructed. */
  protected start(): void {
    this.#live.start();
  }

  get state(): LogState {
    return this.#state;
  }

  onState(listener: (state: LogState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async open(docId: string, follower: LogFollower, options: OpenOptions = { transient: false }): Promise<DocumentLog> {
    return this.#usable().open(docId, follower, options);
  }

  async delete(docId: string, clients: Iterable<number>): Promise<boolean> {
    return this.#usable().delete(docId, clients);
  }

  #usable(): LiveStore {
    if (this.#closed) throw closed();
    if (this.#reopening !== null) throw reopening();
    return this.#live;
  }

  settled(): Promise<void> {
    return this.#live.settled();
  }

  close(): Promise<void> {
    this.#closed = true;
    this.#updateState();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Refuses appending while the disk is low. */
  protected setDiskLow(low: boolean): void {
    this.#diskLow = low;
    this.#updateState();
  }

  async #close(): Promise<void> {
    this.#endRetry?.();
    // If a write fails while the last entries are committed, the store is not reopened.
    await this.#reopening;
    await this.#live.close();
  }

  #liveStore(store: RecordStore): LiveStore {
    return new LiveStore(store, this.#options, {
      ...this.#deps,
      refusal: () => this.#refusal(),
      failed: (error) => this.#failed(error),
    });
  }

  #refusal(): LogError | null {
    if (this.#state === 'open') return null;
    if (this.#state === 'reopening') return reopening();
    if (this.#state === 'closed') return closed();
    return new LogError('LOG_READ_ONLY', 'The disk is nearly full. Free some space; writing then resumes by itself');
  }

  #failed(error: Error): void {
    this.#deps.observer.failed?.({ during: 'write', error });
    if (this.#closed) return;
    this.#reopening = this.#reopen(error);
    this.#updateState();
  }

  async #reopen(failure: Error): Promise<void> {
    let cause: unknown = failure;
    let delayMs = firstRetryMs;
    while (!this.#closed) {
      await this.#wait(delayMs);
      if (this.#closed) break;
      try {
        await this.#live.abandon();
        this.#live = this.#liveStore(await this.#openProbed(cause));
        this.#live.start();
        break;
      } catch (error) {
        this.#deps.observer.failed?.({ during: 'reopen', error });
        cause = error;
        delayMs = Math.min(delayMs * 2, lastRetryMs);
      }
    }
    this.#reopening = null;
    this.#updateState();
  }

  /**
   * Opens the store and writes to it once. A store that can be opened but not written to would fail all clients again.
   */
  async #openProbed(cause: unknown): Promise<RecordStore> {
    const store = await this.#deps.reopen(cause);
    try {
      const batch = store.batch();
      batch.put(probeKey, seal(probeKey, Buffer.from(new Date(this.#deps.clock.wallMs()).toISOString())));
      await batch.write({ sync: true });
      return store;
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  #wait(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#endRetry = () => {
        this.#retry?.cancel();
        resolve();
      };
      this.#retry = this.#deps.clock.after(delayMs, resolve);
    });
  }

  #updateState(): void {
    const state = this.#stateNow();
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) {
      try {
        listener(state);
      } catch (error) {
        this.#deps.observer.failed?.({ during: 'follower', error });
      }
    }
  }

  #stateNow(): LogState {
    if (this.#closed) return 'closed';
    if (this.#reopening !== null) return 'reopening';
    return this.#diskLow ? 'read-only' : 'open';
  }
}

function closed(): LogError {
  return new LogError('LOG_CLOSED', 'The log is closed');
}

function reopening(): LogError {
  return new LogError('LOG_REOPENING', 'A write has failed. The database is being reopened; try again in a moment');
}
