/** Measures the turns of an event loop, from its creation to `end`. */
export interface TurnWatch {
  /** The longest turn so far, in milliseconds that the thread itself used. Ends the measurement. */
  end(): number;
}

/**
 * Starts to measure the event loop of the calling main thread. A turn counts with the CPU time of the thread, and at
 * most with the time on the clock, so that other threads and processes do not count. If the kernel counts the time of a
 * thread only in ticks of 10 ms, a turn counts one tick less. If it does not count it, the time on the clock counts.
 *
 * `slowness` is called right after a turn of `lookCloselyMs` that is the longest so far, in the same thread. The time
 * of the turn is divided by its result. This distinguishes a slow turn from a machine that is slow at that moment.
 *
 * Uses nothing from outside, so that its source can also run in another process (EventLoopWatch).
 */
export function watchTurns(slowness: () => number = () => 1): TurnWatch {
  const lookCloselyMs = 30;
  const periodMs = 1;
  const tickMs = 10;
  const { openSync, readSync, closeSync } = process.getBuiltinModule('node:fs');
  const buffer = Buffer.alloc(1024);
  const open = (name: string): number | null => {
    try {
      return openSync(`/proc/self/task/${process.pid}/${name}`, 'r');
    } catch {
      return null;
    }
  };
  const precise = open('schedstat');
  const file = precise ?? open('stat');
  const read = (): number => {
    if (file === null) return 0;
    const text = buffer.toString('latin1', 0, readSync(file, buffer, 0, buffer.length, 0));
    if (precise !== null) return Number.parseInt(text, 10) / 1e6;
    // The name of the thread is in brackets. User and system time are fields 12 and 13 after it.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  };
  const blurMs = file === null ? -Infinity : precise === null ? tickMs : 0;

  let longestMs = 0;
  let lastMs = performance.now();
  let lastCpuMs = read();
  const look = (): void => {
    const nowMs = performance.now();
    const nowCpuMs = read();
    const tookMs = Math.min(nowMs - lastMs - periodMs, nowCpuMs - lastCpuMs - blurMs);
    lastMs = nowMs;
    lastCpuMs = nowCpuMs;
    if (tookMs <= longestMs) return;
    if (tookMs < lookCloselyMs) {
      longestMs = tookMs;
      return;
    }
    longestMs = Math.max(longestMs, tookMs / slowness());
    lastMs = performance.now();
    lastCpuMs = read();
  };
  const timer = setInterval(look, periodMs);
  return {
    end: () => {
      look();
      clearInterval(timer);
      if (file !== null) closeSync(file);
      return longestMs;
    },
  };
}

/**
 * Makes a function that returns how many times more CPU time `work` takes at the moment than `usualMs`, at least 1 and
 * at most 20. CPU time, because a turn is measured by it too: time on the clock would excuse a long turn when other
 * processes are at work. CPU time of other threads of this process counts no further than the time on the clock. Runs
 * the work a few times first, so that it is compiled. Uses nothing from outside.
 */
export function slownessOf(work: () => unknown, usualMs: number): () => number {
  const tookMs = (): number => {
    const startCpu = process.cpuUsage();
    const startMs = performance.now();
    work();
    const wallMs = performance.now() - startMs;
    const { user, system } = process.cpuUsage(startCpu);
    return Math.min(wallMs, (user + system) / 1_000);
  };
  for (let i = 0; i < 5; i++) work();
  return () => {
    const [, , medianMs = usualMs] = Array.from({ length: 5 }, tookMs).sort((a, b) => a - b);
    return Math.min(20, Math.max(1, medianMs / usualMs));
  };
}
