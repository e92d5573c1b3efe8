import type { Inspector } from './inspector.ts';

/** How often the server looks, in milliseconds. */
const periodMs = 1;

/**
 * Runs in the server. Between two looks, what counts is what the main thread computed, and no more than what has passed on the
 * clock: other threads and processes are no fault of the server's. Where the kernel does not say how long the thread ran, all
 * that has passed counts.
 */
const watch = `(() => {
  const { openSync, readSync, closeSync } = process.getBuiltinModule('node:fs');
  const buffer = Buffer.alloc(64);
  let file = null;
  try { file = openSync('/proc/self/task/' + process.pid + '/schedstat'); } catch {}
  const ranMs = () => file === null ? 0 : Number.parseInt(buffer.latin1Slice(0, readSync(file, buffer, 0, 64, 0))) / 1e6;
  let longestMs = 0;
  let lastMs = performance.now();
  let lastRanMs = ranMs();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const nowRanMs = ranMs();
    const stallMs = Math.min(nowMs - lastMs - ${periodMs}, file === null ? Infinity : nowRanMs - lastRanMs);
    longestMs = Math.max(longestMs, stallMs);
    lastMs = nowMs;
    lastRanMs = nowRanMs;
  }, ${periodMs});
  const end = () => {
    clearInterval(timer);
    if (file !== null) closeSync(file);
    delete globalThis.__watch;
    return longestMs;
  };
  globalThis.__watch?.end();
  globalThis.__watch = { end };
  return true;
})()`;

/** Watches the event loop of a server for stalls that are its own: tests share the machine with others. */
export class EventLoopWatch {
  readonly #inspector: Inspector;

  constructor(inspector: Inspector) {
    this.#inspector = inspector;
  }

  /** Begins anew: what was seen before is forgotten. */
  async begin(): Promise<void> {
    await this.#inspector.evaluate(watch);
  }

  /** The longest that the loop was kept from turning since `begin`, in milliseconds; ends the watch. */
  async end(): Promise<number> {
    return (await this.#inspector.evaluate('globalThis.__watch.end()')) as number;
  }
}
