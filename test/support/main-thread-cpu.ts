import { readFileSync } from 'node:fs';

/** Linux counts processor time per thread in hundredths of a second, whatever the machine. */
const tickMs = 10;

/**
 * How long the processor has worked for the main thread of a process so far, in milliseconds: unlike the time on the clock, it
 * does not grow with what other threads and processes do. In steps of 10 ms where the kernel says nothing finer; null where it
 * says nothing, or the process is gone.
 */
export function mainThreadCpuMs(pid = process.pid): number | null {
  const folder = `/proc/${pid}/task/${pid}`;
  try {
    return Number.parseInt(readFileSync(`${folder}/schedstat`, 'latin1'), 10) / 1e6;
  } catch {
    // Kernels without scheduler statistics have at least the ticks.
  }
  try {
    const stat = readFileSync(`${folder}/stat`, 'latin1');
    // The name of the thread stands in brackets and may hold anything; user and system time are the 12th and 13th field behind.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  } catch {
    return null;
  }
}
