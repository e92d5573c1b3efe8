import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { guardMs, within } from './deadline.ts';

export interface Launch {
  /** The compiled script that `node` runs. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The limit on open files (`ulimit -n`). Default: that of this process. */
  readonly openFiles?: number;
}

/** The end of a process. One of the two is null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Usage {
  /** User and system time of all threads since the start. The kernel counts it in steps of 10 ms. */
  readonly cpuMicros: number;
  readonly rssBytes: number;
  /** The peak of resident memory since the start. */
  readonly peakRssBytes: number;
  /** Resident memory, with shared pages divided among the processes that share them (PSS). */
  readonly pssBytes: number;
}

/** Ticks per second of /proc/<pid>/stat: USER_HZ, 100 on every Linux that Node supports. */
const ticksPerSecond = 100;
const maxKeptLines = 2_000;

/** A server as a child process, with its output, its end and its resource usage. */
export class ServerProcess {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  readonly #listeners = new Set<(line: string) => void>();
  #exit: Exit | null = null;

  constructor({ script, args = [], nodeArgs = [], env = {}, openFiles }: Launch) {
    const command = [process.execPath, ...nodeArgs, script, ...args];
    const limited = openFiles === undefined ? [] : ['/bin/sh', '-c', 'ulimit -n "$0"; exec "$@"', String(openFiles)];
    const [file = '', ...rest] = [...limited, ...command];
    const child = spawn(file, rest, {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    if (child.pid === undefined) throw new Error(`Could not start ${script}`);
    this.pid = child.pid;
    this.#child = child;
    for (const output of [child.stdout, child.stderr]) {
      createInterface({ input: output }).on('line', (line) => this.#hear(line));
    }
    // A test that does not clean up must not leave a server running.
    const end = (): void => {
      child.kill('SIGKILL');
    };
    process.once('exit', end);
    this.exited = new Promise((resolve) => {
      // `close`, not `exit`: all output has been read by then.
      child.once('close', (code, signal) => {
        process.off('exit', end);
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
  }

  get isRunning(): boolean {
    return this.#exit === null;
  }

  /** The last 2,000 lines of stdout and stderr, in the order in which they arrived. */
  get output(): string {
    return this.#lines.join('\n');
  }

  /** Resolves with the first value that `read` returns for a line, whether it was printed already or not. */
  async find<T>(read: (line: string) => T | undefined, what: string, timeoutMs = guardMs): Promise<T> {
    for (const line of this.#lines) {
      const found = read(line);
      if (found !== undefined) return found;
    }
    let listener: ((line: string) => void) | undefined;
    const found = new Promise<T>((resolve, reject) => {
      listener = (line) => {
        const value = read(line);
        if (value !== undefined) resolve(value);
      };
      this.#listeners.add(listener);
      void this.exited.then(({ code, signal }) =>
        reject(new Error(`The server ended (${code ?? signal}) before ${what}; it printed:\n${this.output}`)),
      );
    });
    try {
      return await within(timeoutMs, () => `${what}; the server printed:\n${this.output}`, found);
    } finally {
      if (listener) this.#listeners.delete(listener);
    }
  }

  /** Sends SIGTERM. Resolves with the end of the process. */
  async stop(timeoutMs = guardMs): Promise<Exit> {
    this.signal('SIGTERM');
    return within(timeoutMs, () => `the end of the server after SIGTERM; it printed:\n${this.output}`, this.exited);
  }

  /** Sends SIGKILL. Resolves when the process has ended. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.isRunning) this.#child.kill(signal);
  }

  usage(): Usage {
    const stat = readFileSync(`/proc/${this.pid}/stat`, 'utf8');
    // The name is in brackets and may contain blanks. Then follow state (field 3), ..., utime (14) and stime (15).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    const memory = readFileSync(`/proc/${this.pid}/smaps_rollup`, 'utf8');
    const bytes = (field: string): number =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(memory)?.[1]) * 1024;
    const peakKb = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
    return {
      cpuMicros: (ticks * 1e6) / ticksPerSecond,
      rssBytes: bytes('Rss'),
      peakRssBytes: Number(peakKb) * 1024,
      pssBytes: bytes('Pss'),
    };
  }

  /** Its open files and sockets. */
  openFiles(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  #hear(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > maxKeptLines) this.#lines.shift();
    for (const listener of this.#listeners) listener(line);
  }
}
