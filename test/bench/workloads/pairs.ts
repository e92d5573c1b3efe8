import { compare } from '../compare.ts';
import { pace } from '../pace.ts';
import { playTraffic } from '../traffic.ts';
import type { Workload } from '../workload.ts';

/** Many small documents at once, both people of each writing. */
export const pairs: Workload = {
  name: 'pairs',
  describe: ({ quick }) => `${quick ? 20 : 300} rooms of 2, each at 10 edits/s`,
  run: (settings) =>
    compare(settings, { per: 'edit', cpuRatio: 1.8, medianAboveMs: 5 }, (target, prefix) =>
      playTraffic(target, prefix, {
        rooms: settings.quick ? 20 : 300,
        shape: { writers: 2, readers: 0 },
        per: 'edit',
        drive: async (rooms) => {
          const senders = rooms.flatMap((room) => room.writers.map((writer) => () => room.type(writer)));
          await pace(senders, 10, settings.quick ? 500 : 6_000);
        },
      }),
    ),
};
