import { writeSync } from 'node:fs';

export interface LogOutputDeps {
  /** Writes some of the bytes and returns how many, or throws EAGAIN if the reader accepts none at the moment. */
  write(bytes: Buffer): number;
  /** Calls the callback after `delayMs`; must not keep the process alive. */
  after(delayMs: number, callback: () => void): void;
  /** Blocks this thread for `delayMs`. */
  sleep(delayMs: number): void;
}

/** The most bytes that wait for a reader that has stopped reading. About 5,000 lines. */
const maxWaitingBytes = 1024 * 1024;
const retryMs = 100;
/** How often `flushSync` retries before it gives up, which takes one second. */
const maxFlushRetries = 10;

/**
 * Writes log lines to stdout without ever blocking the event loop or the end of the process. If the reader of the log
 * stops reading, lines wait in memory up to a bound, and further lines are dropped and counted. If the reader is gone,
 * every line is dropped.
 */
export class LogOutput {
  /** Lines dropped because too many waited, or because the reader is gone. */
  linesDropped = 0;
  readonly #deps: LogOutputDeps;
  /** In order. The first may be partly written. */
  #waiting: Buffer[] = [];
  #waitingBytes = 0;

  constructor(deps: LogOutputDeps) {
    this.#deps = deps;
  }

  /** Called by pino. Never throws. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > maxWaitingBytes) {
      this.linesDropped++;
      return;
    }
    const isFirst = this.#waiting.length === 0;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (isFirst) this.#writeOrRetry();
  }

  /** Writes the waiting lines, for at most a second, at the end of the process. pino calls it after a fatal line. */
  flushSync(): void {
    for (let retries = 0; !this.#writeWaiting() && retries < maxFlushRetries; retries++) this.#deps.sleep(retryMs);
  }

  #writeOrRetry(): void {
    if (!this.#writeWaiting()) this.#deps.after(retryMs, () => this.#writeOrRetry());
  }

  /** Returns whether all lines are written. */
  #writeWaiting(): boolean {
    for (let [bytes] = this.#waiting; bytes !== undefined; [bytes] = this.#waiting) {
      try {
        const written = this.#deps.write(bytes);
        this.#waitingBytes -= written;
        if (written < bytes.length) this.#waiting[0] = bytes.subarray(written);
        else this.#waiting.shift();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
        // The reader is gone (EPIPE), or the disk behind a redirection is full.
        this.linesDropped += this.#waiting.length;
        this.#waiting = [];
        this.#waitingBytes = 0;
      }
    }
    return true;
  }
}

/**
 * The output to stdout. Node puts a pipe or socket there into non-blocking mode when `process.stdout` is first
 * accessed; files never make a writer wait for a reader.
 */
export function openLogOutput(): LogOutput {
  const fd = process.stdout.fd;
  const gate = new Int32Array(new SharedArrayBuffer(4));
  const output = new LogOutput({
    write: (bytes) => writeSync(fd, bytes),
    after: (delayMs, callback) => void setTimeout(callback, delayMs).unref(),
    sleep: (delayMs) => void Atomics.wait(gate, 0, 0, delayMs),
  });
  process.once('exit', () => output.flushSync());
  return output;
}
