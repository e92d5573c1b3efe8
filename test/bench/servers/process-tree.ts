import { readdirSync, readFileSync } from 'node:fs';

/** Ticks per second of /proc/<pid>/stat: USER_HZ, 100 on every Linux that Node supports. */
const ticksPerSecond = 100;

/**
 * User and system time of a process and its descendants in microseconds, including those that have ended and were
 * waited for. The kernel counts it in steps of 10 ms.
 */
export function treeCpuMicros(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The name in brackets may contain blanks. After it: state (field 3), ..., utime, stime, cutime, cstime (14 to 17).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return childrenOf(pid).reduce((sum, child) => sum + treeCpuMicros(child), (ticks * 1e6) / ticksPerSecond);
}

/** Resident memory of a process and its descendants. Shared pages are divided among the processes that share them. */
export function treePssBytes(pid: number): number {
  const memory = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const own = Number(/^Pss:\s+(\d+) kB/m.exec(memory)?.[1]) * 1024;
  return childrenOf(pid).reduce((sum, child) => sum + treePssBytes(child), own);
}

function childrenOf(pid: number): number[] {
  const tasks = readdirSync(`/proc/${pid}/task`);
  return tasks.flatMap((task) => {
    const children = readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim();
    return children === '' ? [] : children.split(' ').map(Number);
  });
}
