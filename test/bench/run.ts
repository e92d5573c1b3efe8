/**
 * `npm run bench`, or `npm run bench -- flood idle` for some workloads only. Compares Quire with plain relays and, with
 * `--peers`, with other servers. Each is a process of its own, and this process generates the load. Exits with 1 if
 * Quire lost an edit or, with `--against`, became more expensive, but not if a goal is missed. See docs/benchmarks.md.
 */
import { Disposer } from '../support/owner.ts';
import { times } from './goals.ts';
import { readOptions, usage } from './options.ts';
import type { Options } from './options.ts';
import { keep, kept } from './report/results.ts';
import { surroundings } from './report/surroundings.ts';
import { table } from './report/table.ts';
import { writeReport } from './report/write-report.ts';
import { floors, peers, quireFsync, quireWrite } from './servers/contenders.ts';
import { buildRevision } from './servers/other-build.ts';
import { installPeers } from './servers/peers.ts';
import { quire } from './servers/quire.ts';
import { verdictOn } from './verdict.ts';
import { workloads } from './workloads/all.ts';
import type { BenchSettings, Outcome } from './workload.ts';

/** The ratio by which two builds of the same code may differ. */
const tolerated = 1.15;

const names = workloads.map(({ name }) => name);
const options = readOptions(process.argv.slice(2), names);
if (typeof options === 'string') {
  console.error(`${options}\n\n${usage(names)}`);
  process.exit(2);
}
if (options.report) writeReport(kept(workloads));
else await measure(options);

async function measure({ quick, repetitions, ...asked }: Options): Promise<void> {
  if (asked.peers) installPeers();
  const disposer = new Disposer();
  try {
    const settings: BenchSettings = { quick, repetitions, ...fieldOf(asked, quick, disposer) };
    console.log('Median (least-greatest) of the repetitions; CPU time is that of the server process.\n');
    for (const workload of workloads) {
      if (asked.names.length > 0 && !asked.names.includes(workload.name)) continue;
      const { name } = workload;
      const description = workload.describe(settings);
      console.log(`${name}: ${description}`);
      const outcome = await workload.run(settings);
      console.log(`${table(outcome)}\n`);
      if (hasFailed(outcome, asked.against !== null)) process.exitCode = 1;
      if (asked.peers && !quick) keep({ name, description, repetitions, surroundings: surroundings(), outcome });
    }
  } finally {
    await disposer.dispose();
  }
}

function fieldOf(
  { peers: withPeers, against }: Pick<Options, 'peers' | 'against'>,
  quick: boolean,
  disposer: Disposer,
): Pick<BenchSettings, 'contenders' | 'goalsOf'> {
  if (against !== null) {
    const name = `quire@${against}`;
    const other = { name, kind: 'ours', server: quire('fsync', buildRevision(against, disposer)) } as const;
    const goalsOf: BenchSettings['goalsOf'] = (_, better) => [
      times(better === 'less' ? tolerated : 1 / tolerated, name),
    ];
    return { contenders: [other, quireFsync], goalsOf };
  }
  if (quick) return { contenders: [...floors, quireFsync], goalsOf: () => [] };
  return {
    contenders: [...floors, ...(withPeers ? peers : []), quireWrite, quireFsync],
    goalsOf: (goals) => goals,
  };
}

/** Ignores latencies, because they depend more on the machine than on a commit. */
function hasFailed({ figures, voids }: Outcome, isRegressionCheck: boolean): boolean {
  if (voids.some(({ name }) => name.startsWith('quire'))) return true;
  const costs = figures.filter(({ name, better }) => better === 'less' && name.startsWith('CPU'));
  return (
    isRegressionCheck &&
    costs.some((figure) => figure.goals.some((goal) => verdictOn(figure, goal)?.isReached === false))
  );
}
