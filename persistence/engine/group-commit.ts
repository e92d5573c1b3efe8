import type { Clock } from '../clock.ts';
import type { LogObserver } from './log-observer.ts';
import type { CommitPacing } from './pacing.ts';
import type { RecordBatch, RecordStore } from './record-store.ts';
import type { Entry } from '../update-log.ts';

/** A document whose entries are committed. GroupCommit alone writes `waiting` and `inFlight`. */
export interface CommitTarget {
  /** Entries that wait for a batch, in order. */
  waiting: Entry[];
  /** Entries in the batch that is in flight; null if there are none. */
  inFlight: Entry[] | null;
  /** Puts the entry into the batch. Before the first entry it also puts the records that must be written with it. */
  write(entry: Entry, batch: RecordBatch): void;
  committed(entries: Entry[]): void;
}

export interface GroupCommitDeps {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly pacing: CommitPacing;
  readonly observer: LogObserver;
  /** Called once, when a batch failed to be written. All waiting entries are lost by then. */
  readonly failed: (error: Error) => void;
}

interface WriteJob {
  readonly fill: (batch: RecordBatch) => void;
  readonly sync: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Limits of a batch, so that a backlog does not block the event loop. 4,096 entries take some 10 ms to put. 4 MB took
 * 30 ms where fresh memory is slow, because LevelDB copies the whole batch each time it grows. A single entry may be
 * larger.
 */
const maxBatchEntries = 4096;
const maxBatchBytes = 1024 * 1024;

/**
 * Writes one batch at a time; entries that arrive meanwhile form the next one. The entries of a document become durable
 * in the order in which they were appended. If more entries wait than fit into one batch, each document gets a share of
 * it, so a small edit goes into the next batch however long the backlog of other documents is. Other writes (pieces of
 * snapshots, deletions) alternate with entries, each in a batch of its own.
 */
export class GroupCommit {
  readonly #deps: GroupCommitDeps;
  readonly #sync: boolean;
  /** Documents with waiting entries. A document that got a smaller share of the last batch comes first. */
  #targets: CommitTarget[] = [];
  #waitingEntries = 0;
  #waitingBytes = 0;
  #jobs: WriteJob[] = [];
  #state: 'idle' | 'scheduled' | 'writing' = 'idle';
  #dead: Error | null = null;
  #drained: (() => void)[] = [];
  /** The targets whose entries are in the batch in flight. Empty if the batch holds a job. */
  #batchTargets: CommitTarget[] = [];
  #batchJob: WriteJob | null = null;
  #batchEntries = 0;
  #batchBytes = 0;
  #batchStartMs = 0;
  #arrived = 0;

  constructor(sync: boolean, deps: GroupCommitDeps) {
    this.#sync = sync;
    this.#deps = deps;
  }

  /** Must not be called after `kill`: a target that was told of the failure appends no more. */
  append(entry: Entry, target: CommitTarget): void {
    if (target.waiting.push(entry) === 1) this.#targets.push(target);
    this.#waitingEntries += 1;
    this.#waitingBytes += entry.update.length;
    this.#arrived += 1;
    if (this.#state === 'idle') this.#schedule();
  }

  /**
   * Writes a batch of its own between two batches of entries; `fill` is called when it starts. Resolves when the batch
   * is applied (with `sync`, the default, when it is on disk). Rejects if this or an earlier batch failed to be
   * written.
   */
  write(fill: (batch: RecordBatch) => void, options: { readonly sync: boolean } = { sync: true }): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#dead !== null) {
        reject(this.#dead);
        return;
      }
      this.#jobs.push({ fill, sync: options.sync, resolve, reject });
      if (this.#state === 'idle') this.#schedule();
    });
  }

  /** Resolves when nothing waits and nothing is in flight, whether it was written or lost. */
  drain(): Promise<void> {
    if (this.#state === 'idle') return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /**
   * Stops all writing. Waiting entries are dropped. A batch in flight may still be written, but its targets are not
   * told.
   */
  kill(error: Error): void {
    if (this.#dead !== null) return;
    this.#dead = error;
    const jobs = this.#batchJob === null ? this.#jobs : [this.#batchJob, ...this.#jobs];
    this.#jobs = [];
    for (const target of this.#targets) target.waiting = [];
    this.#targets = [];
    this.#waitingEntries = 0;
    this.#waitingBytes = 0;
    this.#rest();
    for (const job of jobs) job.reject(error);
  }

  #schedule(): void {
    this.#state = 'scheduled';
    this.#deps.pacing(this.#start, this.#arrived);
  }

  readonly #start = (): void => {
    if (this.#dead !== null || this.#state !== 'scheduled') return;
    this.#state = 'writing';
    try {
      const batch = this.#deps.store.batch();
      // A job goes first if the last batch held entries, so neither kind waits for more than one batch of the other.
      const jobsTurn = this.#waitingEntries === 0 || this.#batchEntries > 0;
      this.#batchJob = (jobsTurn && this.#jobs.shift()) || null;
      this.#batchEntries = 0;
      this.#batchBytes = 0;
      if (this.#batchJob !== null) this.#batchJob.fill(batch);
      else this.#fillEntries(batch);
      this.#batchStartMs = this.#deps.clock.monotonicMs();
      batch.write({ sync: this.#batchJob?.sync ?? this.#sync }).then(this.#written, this.#failed);
    } catch (error) {
      this.#failed(error);
    }
  };

  #fillEntries(batch: RecordBatch): void {
    const targets = this.#targets;
    if (this.#waitingEntries <= maxBatchEntries && this.#waitingBytes <= maxBatchBytes) {
      for (const target of targets) this.#take(target, target.waiting.length, batch);
      this.#targets = [];
      return;
    }
    const partEntries = Math.max(1, Math.floor(maxBatchEntries / targets.length));
    const partBytes = Math.floor(maxBatchBytes / targets.length);
    // The first document may put in an entry of any size. Then each document gets its share, and the first ones get the
    // rest.
    if (fitting(targets[0]!, 1, partBytes) === 0) this.#take(targets[0]!, 1, batch);
    for (const target of targets) this.#take(target, fitting(target, partEntries, partBytes), batch);
    for (const target of targets) {
      this.#take(target, fitting(target, maxBatchEntries, maxBatchBytes - this.#batchBytes), batch);
    }
    const left = targets.filter((target) => target.waiting.length > 0);
    const skipped = left.filter((target) => target.inFlight === null);
    this.#targets = [...skipped, ...left.filter((target) => target.inFlight !== null)];
  }

  /** Puts the first waiting entries of a document into the batch, up to the limit of entries. */
  #take(target: CommitTarget, wanted: number, batch: RecordBatch): void {
    const count = Math.min(wanted, maxBatchEntries - this.#batchEntries);
    if (count === 0) return;
    const entries = target.waiting;
    const taken = count === entries.length ? entries : entries.slice(0, count);
    target.waiting = count === entries.length ? [] : entries.slice(count);
    for (const entry of taken) {
      target.write(entry, batch);
      this.#batchBytes += entry.update.length;
      this.#waitingBytes -= entry.update.length;
    }
    this.#batchEntries += count;
    this.#waitingEntries -= count;
    if (target.inFlight !== null) {
      target.inFlight.push(...taken);
      return;
    }
    target.inFlight = taken;
    this.#batchTargets.push(target);
  }

  readonly #written = (): void => {
    if (this.#dead !== null) return;
    const durationMs = this.#deps.clock.monotonicMs() - this.#batchStartMs;
    const job = this.#batchJob;
    const targets = this.#batchTargets;
    const entries = this.#batchEntries;
    const bytes = this.#batchBytes;
    this.#batchJob = null;
    this.#batchTargets = [];
    // Start the next batch before telling the targets, so that the disk works meanwhile.
    if (this.#waitingEntries > 0 || this.#jobs.length > 0) this.#schedule();
    else this.#state = 'idle';
    job?.resolve();
    for (const target of targets) {
      const committed = target.inFlight ?? [];
      target.inFlight = null;
      target.committed(committed);
    }
    if (entries > 0) {
      this.#deps.observer.committed?.({ entries, documents: targets.length, bytes, durationMs });
    }
    if (this.#state === 'idle') this.#rest();
  };

  readonly #failed = (error: unknown): void => {
    if (this.#dead !== null) return;
    const failure = error instanceof Error ? error : new Error(String(error));
    this.kill(failure);
    this.#deps.failed(failure);
  };

  #rest(): void {
    this.#state = 'idle';
    const drained = this.#drained;
    this.#drained = [];
    for (const resolve of drained) resolve();
  }
}

/** How many of the first waiting entries fit into these limits. */
function fitting({ waiting }: CommitTarget, maxEntries: number, maxBytes: number): number {
  let bytes = 0;
  let count = 0;
  while (count < waiting.length && count < maxEntries) {
    bytes += waiting[count]!.update.length;
    if (bytes > maxBytes) break;
    count += 1;
  }
  return count;
}
