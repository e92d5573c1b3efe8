import { Worker } from 'node:worker_threads';

/**
 * What the operating system tells the server. The handlers are in place before the rest of the program is loaded: as process
 * 1 of a container, a process without a handler is not told at all.
 *
 * - SIGTERM, SIGINT: stop. Before the server listens, the process just ends: whatever was acknowledged is on disk.
 * - SIGHUP: read certificates and lists again, as deploy hooks of ACME clients ask for. On a terminal it means that the
 *   terminal was closed: stop.
 */
export class Signals {
  #stop: ((signal: NodeJS.Signals) => void) | null = null;
  #reload: (() => void) | null = null;

  /** Begins to listen. To be called once per process. */
  static listen(): Signals {
    const signals = new Signals();
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => signals.#stopped(signal));
    process.on('SIGHUP', () => {
      if (process.stdin.isTTY) signals.#stopped('SIGHUP');
      else signals.#reload?.();
    });
    return signals;
  }

  /** From now on these are called. Until then a signal to stop ends the process, and one to reload is ignored. */
  handle(handlers: { readonly stop: (signal: NodeJS.Signals) => void; readonly reload: () => void }): void {
    this.#stop = handlers.stop;
    this.#reload = handlers.reload;
  }

  #stopped(signal: NodeJS.Signals): void {
    if (this.#stop === null) process.exit(0);
    this.#stop(signal);
  }
}

/** Runs in a thread of its own, so that it works while the main thread is busy or blocked. */
const killer = `
const { workerData } = require('node:worker_threads');
setTimeout(() => process.kill(process.pid, 'SIGKILL'), workerData);`;

/** Kills this process after `delayMs`, whatever the main thread does. Cannot be called off: for a process that is ending. */
export function killAfter(delayMs: number): void {
  // Without the flags of this process, one of which may read the script as something else.
  new Worker(killer, { eval: true, workerData: delayMs, execArgv: [] }).unref();
}
