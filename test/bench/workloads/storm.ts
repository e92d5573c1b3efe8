import { LoadClient } from '../clients/load-client.ts';
import { stateVectorOf } from '../clients/state-vector.ts';
import { compare } from '../compare.ts';
import { times } from '../goals.ts';
import { openPaper, storeState, writePaper } from '../paper.ts';
import type { Paper } from '../paper.ts';
import type { Target } from '../servers/target.ts';
import { quantile } from '../statistics.ts';
import type { BenchSettings, Goal, Outcome, Workload } from '../workload.ts';

interface Run {
  readonly p99Ms: number;
  readonly cpuMicrosEach: number;
}

/** After a restart all clients reconnect at once, with the whole document. */
export const storm: Workload = {
  name: 'storm',
  describe,
  run: (settings) => measureStorm(settings, false, { p99: [times(0.4, 'best peer')], cpu: [times(0.4, 'best peer')] }),
};

/** The same over wss, with a thousand handshakes. The clients of the peers connect to nginx. */
export const wssStorm: Workload = {
  name: 'wss-storm',
  describe: (settings) => `${describe(settings)}; over wss, peers behind nginx`,
  run: (settings) => measureStorm(settings, true, { p99: [], cpu: [times(0.7, 'best peer')] }),
};

function describe({ quick }: BenchSettings): string {
  return `${quick ? 50 : 1_000} clients reconnect at once to ${quick ? 5 : 100} documents after a restart`;
}

function measureStorm(
  settings: BenchSettings,
  tls: boolean,
  goals: { readonly p99: readonly Goal[]; readonly cpu: readonly Goal[] },
): Promise<Outcome> {
  const documents = settings.quick ? 5 : 100;
  const count = settings.quick ? 50 : 1_000;
  // A few pages of text each.
  const paper = writePaper(1_000, 5_000);
  return compare<Run>(settings, {
    measures: [
      { name: 'resync p99', unit: 'ms', goals: goals.p99, of: ({ p99Ms }) => p99Ms },
      { name: 'CPU per client', unit: 'us', goals: goals.cpu, of: ({ cpuMicrosEach }) => cpuMicrosEach },
    ],
    start: { tls },
    suits: ({ kind }) => kind !== 'floor',
    prepare: async (target) => {
      for (let index = 0; index < documents; index++) {
        const author = await storeState(target, `document-${index}`, paper);
        author.terminate();
      }
      await target.settles();
    },
    play: async (target) => {
      await target.stop();
      await target.start();
      await target.settles();
      const before = target.cpuMicros();
      const startMs = performance.now();
      const returning = Array.from({ length: count }, async (_, index) => {
        const client = await comeBack(target, `document-${index % documents}`, paper);
        return { client, durationMs: performance.now() - startMs };
      });
      const returned = await Promise.all(returning);
      await target.settles();
      const cpuMicrosEach = (target.cpuMicros() - before) / count;
      for (let index = 0; index < documents; index++) {
        const reader = await openPaper(target, `document-${index}`, paper);
        reader.terminate();
      }
      for (const { client } of returned) client.terminate();
      return {
        p99Ms: quantile(
          returned.map(({ durationMs }) => durationMs),
          0.99,
        ),
        cpuMicrosEach,
      };
    },
  });
}

/**
 * Joins with the whole document, and sends it if the server lacks it, as one does that keeps documents in memory only.
 */
async function comeBack(target: Target, room: string, { author, end, state }: Paper): Promise<LoadClient> {
  const known = stateVectorOf(author, end);
  const nothing = Uint8Array.of(0, 0);
  return LoadClient.open(target, room, {
    stateVector: known,
    answer: (stateVector) => (Buffer.from(stateVector).equals(known) ? nothing : state),
  });
}
