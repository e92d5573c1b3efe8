import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { treeCpuMicros } from './process-tree.ts';

/** Uses CPU time in a child that is running and in one that has ended, then prints a line. */
const parent = `
const { spawn, spawnSync } = require('node:child_process');
const burn = 'const end = process.cpuUsage().user + 300_000; while (process.cpuUsage().user < end) for (let i = 0; i < 1e6; i++);';
spawnSync(process.execPath, ['-e', burn]);
const child = spawn(process.execPath, ['-e', burn + 'console.log("burnt"); setInterval(() => {}, 1000)'], { stdio: ['pipe', 'inherit', 'inherit'] });
child.stdin.unref?.();
`;

test('the CPU time of children counts, including those that have ended', async (t) => {
  const child = spawn(process.execPath, ['-e', parent], { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  const { pid } = child;
  assert.ok(pid);
  t.after(() => process.kill(-pid, 'SIGKILL'));
  await once(createInterface({ input: child.stdout }), 'line');
  const cpuMicros = treeCpuMicros(pid);
  assert.ok(cpuMicros >= 580_000, `${cpuMicros} us of at least 600,000, in ticks of 10 ms`);
});
