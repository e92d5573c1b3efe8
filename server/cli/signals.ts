import { Worker } from 'node:worker_threads';

/**
 * Handles the signals of the operating system. The handlers are in place before the rest of the program is loaded,
 * because process 1 of a container does not receive signals that it has no handler for.
 *
 * - SIGTERM, SIGINT: stop. Before the server listens, the process ends at once; all acknowledged edits are on disk.
 * - SIGHUP: read certificates and lists again, as deploy hooks of ACME clients request. If stdin is a terminal, it
 *   means that the terminal was closed: stop.
 */
export class Signals {
  #stop: ((signal: NodeJS.Signals) => void) | null = null;
  #reload: (() => void) | null = null;

  /** Installs the handlers. Call it once per process. */
  static listen(): Signals {
    const signals = new Signals();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => signals.#stopped(signal));
    process.on('SIGHUP', () => {
      if (process.stdin.isTTY) signals.#stopped('SIGHUP');
      else signals.#reload?.();
    });
    return signals;
  }

  /** Sets the callbacks. Until then a signal to stop ends the process, and one to reload is ignored. */
  handle(handlers: { readonly stop: (signal: NodeJS.Signals) => void; readonly reload: () => void }): void {
    this.#stop = handlers.stop;
    this.#reload = handlers.reload;
  }

  #stopped(signal: NodeJS.Signals): void {
    if (this.#stop === null) process.exit(0);
    this.#stop(signal);
  }
}

/** Runs in a thread of its own, so that it works even while the main thread is blocked. */
const killer = `
const { workerData } = require('node:worker_threads');
setTimeout(() => process.kill(process.pid, 'SIGKILL'), workerData);`;

/**
 * Kills this process after `delayMs`, even while the main thread is blocked. Cannot be cancelled, and is only for a
 * process that is ending.
 */
export function killAfter(delayMs: number): void {
  // Without the flags of this process, because one of them may change how the script is read.
  new Worker(killer, { eval: true, workerData: delayMs, execArgv: [] }).unref();
}
