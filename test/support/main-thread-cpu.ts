import { readFileSync } from 'node:fs';

/** Linux counts the CPU time of a thread in hundredths of a second on every machine. */
const tickMs = 10;

/**
 * The CPU time of the main thread of a process so far, in milliseconds. Unlike the time on the clock, it does not
 * include what other threads and processes do. In steps of 10 ms on kernels without a finer figure. Null if the kernel
 * has no figure or the process has ended.
 */
export function mainThreadCpuMs(pid = process.pid): number | null {
  const folder = `/proc/${pid}/task/${pid}`;
  try {
    return Number.parseInt(readFileSync(`${folder}/schedstat`, 'latin1'), 10) / 1e6;
  } catch {
    // Kernels without scheduler statistics count ticks.
  }
  try {
    const stat = readFileSync(`${folder}/stat`, 'latin1');
    // The name of the thread is in brackets and may contain anything. User and system time are fields 12 and 13 after
    // it.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  } catch {
    return null;
  }
}
