import { times } from '../goals.ts';
import { pace } from '../pace.ts';
import { compareTraffic } from '../traffic.ts';
import type { Workload } from '../workload.ts';

/** Ten writers at once in a full room, for a few seconds: more deliveries than a server can send one by one. */
export const burst: Workload = {
  name: 'burst',
  describe: ({ quick }) => `one room, ${quick ? 20 : 200} readers, 10 writers at 100 edits/s each`,
  run: (settings) =>
    compareTraffic(
      settings,
      {
        rooms: 1,
        shape: { writers: 10, readers: settings.quick ? 20 : 200 },
        per: 'delivery',
        drive: async ([room]) => {
          const senders = room?.writers.map((writer) => () => room.type(writer)) ?? [];
          await pace(senders, 100, settings.quick ? 300 : 3_000);
        },
      },
      { cpu: [times(0.4, 'best peer')], p99: [times(0.3, 'best peer')] },
    ),
};
