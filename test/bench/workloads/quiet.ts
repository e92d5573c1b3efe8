import { compare } from '../compare.ts';
import { plus } from '../goals.ts';
import { pace } from '../pace.ts';
import { playTraffic, trafficMeasures } from '../traffic.ts';
import type { Workload } from '../workload.ts';

/** Two clients, one of which types, and no other load. Measures the latency that one user sees. */
export const quiet: Workload = {
  name: 'quiet',
  describe: () => 'one room of 2 clients, one types 10 characters a second',
  run: (settings) =>
    compare(settings, {
      // No CPU time, because so few edits are too little for a CPU clock of 10 ms.
      measures: trafficMeasures('edit', { p50: [plus(1, 'relay')] }).filter(({ unit }) => unit === 'ms'),
      play: (target, round) =>
        playTraffic(target, round, {
          rooms: 1,
          shape: { writers: 1, readers: 1 },
          per: 'edit',
          drive: async ([room]) => {
            const senders = room?.writers.map((writer) => () => room.type(writer)) ?? [];
            await pace(senders, 10, settings.quick ? 500 : 6_000);
          },
        }),
    }),
};
