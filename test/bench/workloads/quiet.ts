import { compare } from '../compare.ts';
import { pace } from '../pace.ts';
import { playTraffic } from '../traffic.ts';
import type { Workload } from '../workload.ts';

/** Two people, one of whom types: nothing else happens. The latency that one person sees. */
export const quiet: Workload = {
  name: 'quiet',
  describe: () => 'one room of 2, one types 10 characters a second',
  run: (settings) =>
    compare(settings, { per: 'edit', cpuRatio: null, medianAboveMs: 1 }, (target, prefix) =>
      playTraffic(target, prefix, {
        rooms: 1,
        shape: { writers: 1, readers: 1 },
        per: 'edit',
        drive: async ([room]) => {
          const senders = room?.writers.map((writer) => () => room.type(writer)) ?? [];
          await pace(senders, 10, settings.quick ? 500 : 8_000);
        },
      }),
    ),
};
