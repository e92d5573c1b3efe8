import { Worker } from 'node:worker_threads';
import { CompactionError, WorkerJobError } from '../errors.ts';
import { systemClock } from '../clock.ts';
import type { Clock, Timer } from '../clock.ts';
import type { ScanLimits, UpdateFacts } from '../update/scan.ts';
import type { Compact, CompactionOutput } from './compaction.ts';
import { packBytes } from './packed-bytes.ts';
import { errorOf } from './yjs-job.ts';
import type { YjsJob, YjsReply } from './yjs-job.ts';

export interface YjsWorkerLimits {
  /** How long the idle thread is kept, in milliseconds. Starting one costs 0.1 s of CPU time. */
  readonly idleTimeoutMs: number;
  /**
   * Time limit of a job in milliseconds, from when it is passed to the thread. The limit of a compaction grows in
   * proportion above 8 MB, because it folds everything some 15 times to find one entry that poisons the document.
   */
  readonly jobTimeoutMs: number;
  /**
   * Stack of the thread. Deleting nested types recurses: 64 MB is enough for 100,000 levels. Unused stack costs no
   * memory.
   */
  readonly stackSizeMb: number;
  /** Heap limit. Above it the thread ends with its job, and the process continues. */
  readonly maxOldGenerationSizeMb: number;
}

export const defaultYjsWorkerLimits: YjsWorkerLimits = Object.freeze({
  idleTimeoutMs: 60_000,
  jobTimeoutMs: 120_000,
  stackSizeMb: 64,
  maxOldGenerationSizeMb: 1024,
});

export interface YjsWorkerDeps {
  readonly clock: Pick<Clock, 'after'>;
  startThread(limits: YjsWorkerLimits): Worker;
}

export const systemYjsWorkerDeps: YjsWorkerDeps = Object.freeze({
  clock: systemClock,
  startThread: ({ stackSizeMb, maxOldGenerationSizeMb }: YjsWorkerLimits) =>
    new Worker(new URL('./worker-thread.js', import.meta.url), {
      name: 'quire-yjs',
      resourceLimits: { stackSizeMb, maxOldGenerationSizeMb },
    }),
});

/** A compaction up to this size has the same time limit as any other job. */
const usualBytes = 8 * 1024 * 1024;

interface QueuedJob {
  readonly name: YjsJob['name'];
  readonly updates: readonly Uint8Array[];
  readonly seqs: readonly number[];
  readonly limits: ScanLimits | null;
  readonly keepDeleted: boolean;
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/**
 * One thread for work on updates that would block the event loop. Jobs run one at a time, in the order of the calls.
 * Work that must not wait behind a compaction needs an instance of its own. The thread starts with the first job, ends
 * when idle, and never keeps the process alive.
 *
 * Inputs belong to the caller and must not change until the promise settles. They are copied only when the job starts,
 * because fifty joins of one large document would otherwise queue fifty copies. In addition to its own errors, every
 * job rejects with WorkerJobError if it takes too long, if its thread dies, or if the worker is closed (`compact`
 * rejects with CompactionError COMPACTION_WORKER_LOST and that error as cause). Only this job fails: the next one gets
 * a new thread.
 */
export class YjsWorker {
  readonly #limits: YjsWorkerLimits;
  readonly #deps: YjsWorkerDeps;
  readonly #queue: QueuedJob[] = [];
  #running: QueuedJob | null = null;
  #thread: Worker | null = null;
  /** The time limit of the running job, or the idle timeout. */
  #timer: Timer | null = null;
  #closing: Promise<void> | null = null;

  constructor(limits: YjsWorkerLimits = defaultYjsWorkerLimits, deps: YjsWorkerDeps = systemYjsWorkerDeps) {
    this.#limits = limits;
    this.#deps = deps;
  }

  /** Folds in the thread. See `Compact`. */
  readonly compact: Compact = async ({ snapshot, entries, keepDeleted = false }) => {
    const updates = [...snapshot, ...entries.map((entry) => entry.update)];
    const seqs = entries.map((entry) => entry.seq);
    try {
      return (await this.#run('compact', updates, { seqs, keepDeleted })) as CompactionOutput;
    } catch (error) {
      if (error instanceof CompactionError) throw error;
      throw new CompactionError('COMPACTION_WORKER_LOST', 'The worker thread gave no result', { cause: error });
    }
  };

  /** Runs `scanUpdate` in the thread. Rejects with MalformedUpdateError. */
  scan(update: Uint8Array, limits: ScanLimits): Promise<UpdateFacts> {
    return this.#run('scan', [update], { limits }) as Promise<UpdateFacts>;
  }

  /** The structs of an update that a client with this state vector lacks, without the delete set. */
  diff(update: Uint8Array, stateVector: Uint8Array): Promise<Uint8Array> {
    return this.#run('diff', [update, stateVector]) as Promise<Uint8Array>;
  }

  /** Merges updates into one that brings the same structs and deletions. */
  merge(updates: readonly Uint8Array[]): Promise<Uint8Array> {
    return this.#run('merge', updates) as Promise<Uint8Array>;
  }

  /**
   * Rejects the running and all queued jobs with WORKER_CLOSED. Resolves when the thread has ended. Can be called more
   * than once.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#timer?.cancel();
    const thread = this.#thread;
    this.#thread = null;
    const jobs = this.#running ? [this.#running, ...this.#queue] : this.#queue;
    this.#running = null;
    for (const job of jobs.splice(0)) job.reject(closedError());
    await thread?.terminate();
  }

  #run(
    name: YjsJob['name'],
    updates: readonly Uint8Array[],
    { seqs = [], limits = null, keepDeleted = false }: Partial<Pick<YjsJob, 'seqs' | 'limits' | 'keepDeleted'>> = {},
  ): Promise<unknown> {
    if (this.#closing) return Promise.reject(closedError());
    return new Promise((resolve, reject) => {
      this.#queue.push({ name, updates, seqs, limits, keepDeleted, resolve, reject });
      if (!this.#running) this.#next();
    });
  }

  #next(): void {
    const { idleTimeoutMs, jobTimeoutMs } = this.#limits;
    const next = this.#queue.shift() ?? null;
    this.#running = next;
    if (!next) {
      this.#setTimer(idleTimeoutMs, () => this.#dropThread());
      return;
    }
    const timeoutMs = next.name === 'compact' ? jobTimeoutMs * Math.max(1, sizeOf(next) / usualBytes) : jobTimeoutMs;
    this.#setTimer(timeoutMs, () => {
      this.#lose(new WorkerJobError('WORKER_TIMEOUT', `The job took longer than ${timeoutMs} ms`));
    });
    try {
      this.#thread ??= this.#start();
      const { name, seqs, limits, keepDeleted } = next;
      const job: YjsJob = { name, updates: packBytes(next.updates), seqs, limits, keepDeleted };
      this.#thread.postMessage(job, [job.updates.bytes.buffer, job.updates.lengths.buffer]);
    } catch (cause) {
      // For example, there is no memory for the copy. The caller may be a timer or the thread, where nothing would
      // catch it.
      const error = new WorkerJobError('WORKER_DIED', 'The job could not be given to the worker thread', { cause });
      queueMicrotask(() => {
        if (this.#running === next) this.#lose(error);
      });
    }
  }

  #setTimer(delayMs: number, callback: () => void): void {
    this.#timer?.cancel();
    this.#timer = this.#deps.clock.after(delayMs, callback);
    this.#timer.unref();
  }

  #start(): Worker {
    const thread = this.#deps.startThread(this.#limits);
    // A thread that was dropped may still send events.
    const ifCurrent = (react: () => void) => {
      if (thread === this.#thread) react();
    };
    thread.on('message', (reply: YjsReply) => ifCurrent(() => this.#settle(reply)));
    thread.on('error', (cause) => ifCurrent(() => this.#died({ cause })));
    thread.on('exit', () => ifCurrent(() => this.#died({})));
    thread.unref();
    return thread;
  }

  #settle(reply: YjsReply): void {
    const job = this.#running;
    this.#next();
    if (reply.ok) job?.resolve(reply.result);
    else job?.reject(errorOf(reply.failure));
  }

  #died(options: ErrorOptions): void {
    this.#lose(new WorkerJobError('WORKER_DIED', 'The worker thread ended unexpectedly', options));
  }

  /** Drops the thread together with the job that runs in it. */
  #lose(error: WorkerJobError): void {
    const job = this.#running;
    this.#dropThread();
    this.#next();
    job?.reject(error);
  }

  #dropThread(): void {
    const thread = this.#thread;
    this.#thread = null;
    // Nothing waits for the end of the thread, because its result is not needed any more.
    void thread?.terminate();
  }
}

function sizeOf({ updates }: QueuedJob): number {
  let bytes = 0;
  for (const update of updates) bytes += update.length;
  return bytes;
}

function closedError(): WorkerJobError {
  return new WorkerJobError('WORKER_CLOSED', 'The worker is closed');
}
