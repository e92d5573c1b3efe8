/** Watches the turns of an event loop, from when it is made to `end`. */
export interface TurnWatch {
  /** The longest turn so far, in milliseconds, as far as it was the thread's own doing. Ends the watch. */
  end(): number;
}

/**
 * Starts to watch the event loop of the main thread that calls it. What counts of a turn is what the thread computed in it, and
 * no more than what has passed on the clock: other threads and processes are no fault of its. Where the kernel counts a thread's
 * time in ticks of 10 ms only, a turn counts as a tick less than it was charged; where it does not count it, all that has passed counts.
 *
 * `slowness` is called right after a turn of `lookCloselyMs` that is the longest so far, in the same thread: what the
 * turn took is divided by what it returns. It tells a slow turn from a machine that is slow at that moment.
 *
 * Nothing outside of it is used, so that its source can also be run in another process (EventLoopWatch).
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
    // The thread's name stands in brackets; user and system time are the 12th and 13th field behind it.
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
 * Makes a function that says how many times longer `work` takes in this thread at the moment than `usualMs`, at least 1
 * and at most 20. Runs the work a few times first, so that it is compiled. Uses nothing from outside.
 */
export function slownessOf(work: () => unknown, usualMs: number): () => number {
  const tookMs = (): number => {
    const startMs = performance.now();
    work();
    return performance.now() - startMs;
  };
  for (let i = 0; i < 5; i++) work();
  return () => {
    const [, , medianMs = usualMs] = Array.from({ length: 5 }, tookMs).sort((a, b) => a - b);
    return Math.min(20, Math.max(1, medianMs / usualMs));
  };
}
