import type { Clock } from '../clock.ts';
import type { LogObserver } from './log-observer.ts';
import type { CommitPacing } from './pacing.ts';
import type { RecordBatch, RecordStore } from './record-store.ts';
import type { Entry } from '../update-log.ts';

/** A document whose entries are committed. */
export interface CommitTarget {
  /** Its entries that wait for a batch, in order: filled and taken by the commit alone. */
  waiting: Entry[];
  /** Its entries in the batch that is in flight: filled and taken by the commit alone. */
  inFlight: Entry[] | null;
  /** Puts the entry into the batch, and before its first entry whatever must be there with it. */
  write(entry: Entry, batch: RecordBatch): void;
  committed(entries: Entry[]): void;
}

export interface GroupCommitDeps {
  readonly store: RecordStore;
  readonly clock: Clock;
  readonly pacing: CommitPacing;
  readonly observer: LogObserver;
  /** Called once, when a batch was not written. Everything that waited is lost by then. */
  readonly failed: (error: Error) => void;
}

interface WriteJob {
  readonly fill: (batch: RecordBatch) => void;
  readonly sync: boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Where a batch of entries ends, so that a backlog does not block the event loop: 4,096 take some 10 ms to put, and 4 MB took
 * 30 where fresh memory is slow, for LevelDB copies all of it each time its batch grows. One entry may be larger by itself.
 */
const maxBatchEntries = 4096;
const maxBatchBytes = 1024 * 1024;

/**
 * One batch in flight at a time; what arrives meanwhile forms the next. The entries of a document become durable in the
 * order in which they were appended. If more waits than one batch takes, documents share it: each puts in as much as its
 * part of the batch allows, so a small edit goes with the next batch however much waits in others. Other writes (pieces of snapshots, deletions) take turns with them, each in a batch of its own.
 */
export class GroupCommit {
  readonly #deps: GroupCommitDeps;
  readonly #sync: boolean;
  /** The documents of which entries wait; a document that got less of the last batch than others comes earlier. */
  #targets: CommitTarget[] = [];
  #waitingEntries = 0;
  #waitingBytes = 0;
  #jobs: WriteJob[] = [];
  #state: 'idle' | 'scheduled' | 'writing' = 'idle';
  #dead: Error | null = null;
  #drained: (() => void)[] = [];
  /** The batch in flight: either entries of these targets, or one job. */
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

  /** Only for as long as the commit is alive: a target that was told of its death appends no more. */
  append(entry: Entry, target: CommitTarget): void {
    if (target.waiting.push(entry) === 1) this.#targets.push(target);
    this.#waitingEntries += 1;
    this.#waitingBytes += entry.update.length;
    this.#arrived += 1;
    if (this.#state === 'idle') this.#schedule();
  }

  /**
   * Writes a batch of its own between two batches of entries; `fill` is called when it starts. Resolves when it is
   * applied (with `sync`, the default, on disk), rejects if this or an earlier batch was not written.
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

  /** Resolves when nothing waits and nothing is in flight, be it written or lost. */
  drain(): Promise<void> {
    if (this.#state === 'idle') return Promise.resolve();
    return new Promise((resolve) => this.#drained.push(resolve));
  }

  /** Nothing more is written. What waits is dropped; a batch in flight may still land, but nobody is told. */
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
      // A job goes first if the last batch held entries: neither kind waits for more than one batch of the other.
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
    // The first may put in an entry of any size, each of them its part, and the rest goes to those that come first.
    if (fitting(targets[0]!, 1, partBytes) === 0) this.#take(targets[0]!, 1, batch);
    for (const target of targets) this.#take(target, fitting(target, partEntries, partBytes), batch);
    for (const target of targets) {
      this.#take(target, fitting(target, maxBatchEntries, maxBatchBytes - this.#batchBytes), batch);
    }
    const left = targets.filter((target) => target.waiting.length > 0);
    const skipped = left.filter((target) => target.inFlight === null);
    this.#targets = [...skipped, ...left.filter((target) => target.inFlight !== null)];
  }

  /** Puts the first entries of a document that wait into the batch, within the bound of entries. */
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
    // Before anybody is told: the disk works while they do.
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

/** How many of the entries that wait have no more than these bytes together. */
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
