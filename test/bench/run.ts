/**
 * `npm run bench`, or `npm run bench -- flood idle` for some workloads only: Quire beside plain relays and, with `--peers`,
 * beside the servers that people use today. Each is a process of its own; this process generates the load. Ends with 1 if Quire lost
 * an edit, not if a goal is missed. docs/benchmarks.md says more.
 */
import { readOptions, usage } from './options.ts';
import { table } from './report/table.ts';
import { floors, peers, quireFsync, quireWrite } from './servers/contenders.ts';
import { installPeers } from './servers/peers.ts';
import { workloads } from './workloads/all.ts';
import type { BenchSettings } from './workload.ts';

const names = workloads.map(({ name }) => name);
const options = readOptions(process.argv.slice(2), names);
if (typeof options === 'string') {
  console.error(`${options}\n\n${usage(names)}`);
  process.exit(2);
}
if (options.peers) installPeers();

const settings: BenchSettings = {
  quick: options.quick,
  repetitions: options.repetitions,
  contenders: [...floors, ...(options.peers ? peers : []), ...(options.quick ? [] : [quireWrite]), quireFsync],
};
console.log('Median (least-greatest) of the repetitions; CPU time is that of the server process.\n');
for (const workload of workloads) {
  if (options.names.length > 0 && !options.names.includes(workload.name)) continue;
  console.log(`${workload.name}: ${workload.describe(settings)}`);
  const outcome = await workload.run(settings);
  console.log(`${table(outcome)}\n`);
  if (outcome.voids.some(({ name }) => name.startsWith('quire'))) process.exitCode = 1;
}
