import { compare } from '../compare.ts';
import { pace } from '../pace.ts';
import { playTraffic } from '../traffic.ts';
import type { Workload } from '../workload.ts';

/** A lecture: few write, many read. */
export const fanOut: Workload = {
  name: 'fan-out',
  describe: ({ quick }) => `one room, ${quick ? 10 : 100} readers, 5 writers at 20 edits/s each`,
  run: (settings) =>
    compare(settings, { per: 'delivery', cpuRatio: 1, medianAboveMs: 5 }, (target, prefix) =>
      playTraffic(target, prefix, {
        rooms: 1,
        shape: { writers: 5, readers: settings.quick ? 10 : 100 },
        per: 'delivery',
        drive: async ([room]) => {
          const senders = room?.writers.map((writer) => () => room.type(writer)) ?? [];
          await pace(senders, 20, settings.quick ? 500 : 8_000);
        },
      }),
    ),
};
