import { plus } from '../goals.ts';
import { pace } from '../pace.ts';
import { compareTraffic } from '../traffic.ts';
import type { Workload } from '../workload.ts';

/** Two people, one of whom types: nothing else happens. The latency that one person sees. */
export const quiet: Workload = {
  name: 'quiet',
  describe: () => 'one room of 2, one types 10 characters a second',
  run: (settings) =>
    compareTraffic(
      settings,
      {
        rooms: 1,
        shape: { writers: 1, readers: 1 },
        per: 'edit',
        drive: async ([room], share) => {
          const senders = room?.writers.map((writer) => () => room.type(writer)) ?? [];
          await pace(senders, 10, settings.quick ? 500 : share * 6_000);
        },
      },
      { p50: [plus(1, 'relay')] },
    ),
};
