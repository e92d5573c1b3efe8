import { Worker } from 'node:worker_threads';
import { CompactionError, WorkerJobError } from '../errors.ts';
import { systemClock, type Clock, type Timer } from '../clock.ts';
import type { ScanLimits, UpdateFacts } from '../update/scan.ts';
import type { Compact, CompactionOutput } from './compaction.ts';
import { packBytes } from './packed-bytes.ts';
import { errorOf, type YjsJob, type YjsReply } from './yjs-job.ts';

export interface YjsWorkerLimits {
  /** How long the thread stays warm without work, in milliseconds. Starting one costs 0.1 s of CPU. */
  readonly idleTimeoutMs: number;
  /**
   * How long one job may take from the moment it is given to the thread, in milliseconds. A compaction of more than 8 MB
   * may take longer in proportion: it folds all of it some 15 times to find one entry that poisons the document.
   */
  readonly jobTimeoutMs: number;
  /** Deleting nested types recurses: 64 MB is enough for 100,000 levels. Costs memory only where it is used. */
  readonly stackSizeMb: number;
  /** Beyond this heap the thread is ended, with its job and not with the process. */
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

/** A compaction of so much may take as long as any job. */
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
 * One thread for work on updates that would block the event loop. Jobs run one at a time, in the order of the calls; whoever
 * must not wait behind a compaction uses an instance of its own. The thread starts with the first job and ends when idle;
 * it never keeps the process alive.
 *
 * Inputs stay the caller's, and must not change until the promise settles: they are copied when their turn comes (fifty joins
 * of one large document would otherwise queue fifty copies). Besides what each job says, every one rejects with
 * WorkerJobError (`compact`: with CompactionError COMPACTION_WORKER_LOST and that as cause) if the job takes too long, if its
 * thread dies, or if this is closed. That ends the one job; the next has a fresh thread.
 */
export class YjsWorker {
  readonly #limits: YjsWorkerLimits;
  readonly #deps: YjsWorkerDeps;
  readonly #queue: QueuedJob[] = [];
  #running: QueuedJob | null = null;
  #thread: Worker | null = null;
  /** The deadline of the running job, or the end of being idle. */
  #timer: Timer | null = null;
  #closing: Promise<void> | null = null;

  constructor(limits: YjsWorkerLimits = defaultYjsWorkerLimits, deps: YjsWorkerDeps = systemYjsWorkerDeps) {
    this.#limits = limits;
    this.#deps = deps;
  }

  /** Folds. See `Compact`. */
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

  /** Does the work of `scanUpdate`. Rejects with MalformedUpdateError. */
  scan(update: Uint8Array, limits: ScanLimits): Promise<UpdateFacts> {
    return this.#run('scan', [update], { limits }) as Promise<UpdateFacts>;
  }

  /** The structs of an update that somebody with this state vector lacks, without its delete set. */
  diff(update: Uint8Array, stateVector: Uint8Array): Promise<Uint8Array> {
    return this.#run('diff', [update, stateVector]) as Promise<Uint8Array>;
  }

  /** One update that says what all of them say. */
  merge(updates: readonly Uint8Array[]): Promise<Uint8Array> {
    return this.#run('merge', updates) as Promise<Uint8Array>;
  }

  /** Rejects what runs and what is queued, with WORKER_CLOSED. Resolves when the thread has ended. Twice is fine. */
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
      // No memory for the copy, say. This may be called by a timer or by the thread, where nothing could catch it.
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
    // A thread that has been given up may still have something to say.
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
    this.#lose(new WorkerJobError('WORKER_DIED', 'The worker thread has ended by itself', options));
  }

  /** Gives up the thread and the job that runs in it. */
  #lose(error: WorkerJobError): void {
    const job = this.#running;
    this.#dropThread();
    this.#next();
    job?.reject(error);
  }

  #dropThread(): void {
    const thread = this.#thread;
    this.#thread = null;
    // Nobody waits for it: whatever it was doing, its result is not wanted any more.
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
