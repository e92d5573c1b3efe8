import { times } from '../goals.ts';
import { pace } from '../pace.ts';
import { compareTraffic } from '../traffic.ts';
import type { Workload } from '../workload.ts';

/** Many small documents at once. Both clients of each write. */
export const manyRooms: Workload = {
  name: 'many-rooms',
  describe: ({ quick }) => `${quick ? 20 : 300} rooms of 2 clients, each at 10 edits/s`,
  run: (settings) =>
    compareTraffic(
      settings,
      {
        rooms: settings.quick ? 20 : 300,
        shape: { writers: 2, readers: 0 },
        per: 'edit',
        drive: async (rooms) => {
          const senders = rooms.flatMap((room) => room.writers.map((writer) => () => room.type(writer)));
          await pace(senders, 10, settings.quick ? 300 : 4_000);
        },
      },
      { cpu: [times(0.6, 'best peer')] },
    ),
};
