/**
 * `npm run bench`, or `npm run bench -- flood idle` for some workloads only. Quire, with fsync, beside a plain relay,
 * each as a process of its own; this process generates the load. `--quick`: small numbers, once, only to see that
 * nothing is lost. `--repetitions 5`: how often each is measured. Ends with 1 if an edit was lost, not if a goal is missed.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { table } from './report.ts';
import { bigDocument } from './workloads/big-document.ts';
import { fanOut } from './workloads/fan-out.ts';
import { firstSync } from './workloads/first-sync.ts';
import { flood } from './workloads/flood.ts';
import { idle } from './workloads/idle.ts';
import { pairs } from './workloads/pairs.ts';
import { quiet } from './workloads/quiet.ts';
import type { BenchSettings } from './workload.ts';

const workloads = [quiet, fanOut, pairs, flood, idle, firstSync, bigDocument];

const { values, positionals } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, repetitions: { type: 'string', default: '3' } },
  allowPositionals: true,
});
const settings: BenchSettings = { quick: values.quick, repetitions: values.quick ? 1 : Number(values.repetitions) };
const unknown = positionals.filter((word) => !workloads.some(({ name }) => name === word));
if (unknown.length > 0 || !(settings.repetitions >= 1)) {
  console.error(`Usage: bench [--quick] [--repetitions n] [${workloads.map(({ name }) => name).join('|')}] ...`);
  process.exit(2);
}

console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}`);
console.log('Median (least-greatest) of the repetitions; CPU time is that of the server process.\n');
for (const workload of workloads) {
  if (positionals.length > 0 && !positionals.includes(workload.name)) continue;
  console.log(`${workload.name}: ${workload.describe(settings)}`);
  try {
    console.log(`${table(await workload.run(settings))}\n`);
  } catch (error) {
    console.log(`  VOID: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
