import { LoadClient } from '../clients/load-client.ts';
import { compare } from '../compare.ts';
import { times } from '../goals.ts';
import { inParallel } from '../in-parallel.ts';
import { quantile } from '../statistics.ts';
import type { Workload } from '../workload.ts';

/** Number of concurrent joins. */
const underWay = 20;

interface Run {
  readonly cpuMicros: number;
  readonly p50Ms: number;
}

/** Each client opens a new document of its own: connecting, the handshake, and both halves of the first sync. */
export const join: Workload = {
  name: 'join',
  describe: ({ quick }) => `${quick ? 50 : '4,000'} clients open a document of their own each`,
  run: (settings) =>
    compare<Run>(settings, {
      measures: [
        { name: 'CPU per join', unit: 'us', goals: [times(0.6, 'best peer')], of: ({ cpuMicros }) => cpuMicros },
        { name: `p50, ${underWay} at a time`, unit: 'ms', of: ({ p50Ms }) => p50Ms },
      ],
      play: async (target, { prefix }) => {
        const count = settings.quick ? 50 : 4_000;
        const clients: LoadClient[] = [];
        const durationsMs: number[] = [];
        const before = target.cpuMicros();
        try {
          await inParallel(count, underWay, async (index) => {
            const startMs = performance.now();
            clients.push(await LoadClient.open(target, `${prefix}-${index}`));
            durationsMs.push(performance.now() - startMs);
          });
          return { cpuMicros: (target.cpuMicros() - before) / count, p50Ms: quantile(durationsMs, 0.5) };
        } finally {
          for (const client of clients) client.terminate();
        }
      },
    }),
};
