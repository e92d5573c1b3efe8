import { Worker } from 'node:worker_threads';

/** Runs in a thread of its own, so that it works while the main thread is busy or blocked. */
const script = `
const { workerData } = require('node:worker_threads');
setTimeout(() => process.kill(process.pid, 'SIGKILL'), workerData);`;

/** Kills this process after `delayMs`, whatever the main thread does. Cannot be called off: for a process that is ending. */
export function killAfter(delayMs: number): void {
  // Without the flags of this process, one of which may read the script as something else.
  new Worker(script, { eval: true, workerData: delayMs, execArgv: [] }).unref();
}
