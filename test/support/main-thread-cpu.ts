import { readFileSync } from 'node:fs';

/** Linux counts processor time per thread in hundredths of a second, whatever the machine. */
const tickMs = 10;

/**
 * How long the processor has worked for the main thread alone so far, in milliseconds: unlike the time on the clock, it does not
 * grow with what other threads and processes do. Null where the system does not say.
 */
export function mainThreadCpuMs(): number | null {
  if (process.platform !== 'linux') return null;
  const stat = readFileSync(`/proc/self/task/${process.pid}/stat`, 'latin1');
  // The name of the thread stands in brackets and may hold anything; user and system time are the 12th and 13th field behind.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * tickMs;
}
