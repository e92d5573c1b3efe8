import type { Inspector } from './inspector.ts';

/** The longest that the event loop of a server was kept from turning, in milliseconds. */
export interface Stall {
  /** By the clock, but without the time in which the kernel let other threads run although the server had work to do. */
  readonly ownMs: number;
  /** What the main thread computed in that time. */
  readonly cpuMs: number;
}

/** How often the server looks, in milliseconds. */
const periodMs = 1;

/**
 * Runs in the server. The kernel says for its main thread how long it ran and how long it waited for a processor, both in
 * nanoseconds: the second is no fault of the server's. Where the kernel does not say, all of the time counts.
 */
const watch = `(() => {
  const { openSync, readSync, closeSync } = process.getBuiltinModule('node:fs');
  const buffer = Buffer.alloc(64);
  let file = null;
  try { file = openSync('/proc/self/task/' + process.pid + '/schedstat'); } catch {}
  const times = () => {
    if (file === null) return [0, 0];
    return buffer.latin1Slice(0, readSync(file, buffer, 0, 64, 0)).split(' ').map((each) => Number(each) / 1e6);
  };
  globalThis.__watch?.end();
  const state = { ownMs: 0, cpuMs: 0, end() { clearInterval(timer); if (file !== null) closeSync(file); } };
  let lastMs = performance.now();
  let [lastRan, lastWaited] = times();
  const timer = setInterval(() => {
    const nowMs = performance.now();
    const [ran, waited] = times();
    const ownMs = nowMs - lastMs - (waited - lastWaited) - ${periodMs};
    const stalledMs = Math.min(ownMs, ran - lastRan); if (file === null || stalledMs > state.cpuMs) { state.ownMs = ownMs; state.cpuMs = stalledMs; }
    lastMs = nowMs; lastRan = ran; lastWaited = waited;
  }, ${periodMs});
  globalThis.__watch = state;
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

  /** What was seen since `begin`; ends the watch. */
  async end(): Promise<Stall> {
    const stall = await this.#inspector.evaluate(
      '(() => { const { ownMs, cpuMs } = globalThis.__watch; globalThis.__watch.end(); globalThis.__watch = undefined; return { ownMs, cpuMs }; })()',
    );
    return stall as Stall;
  }
}
