import { plus, times } from '../goals.ts';
import { pace } from '../pace.ts';
import { compareTraffic } from '../traffic.ts';
import type { Traffic } from '../traffic.ts';
import type { BenchSettings, Workload } from '../workload.ts';

/** A lecture: a few users write and many read. */
export const fanOut: Workload = {
  name: 'fan-out',
  describe,
  run: (settings) =>
    compareTraffic(settings, lecture(settings), {
      cpu: [times(0.6, 'best peer'), times(1, 'frame-relay')],
      p50: [plus(0.5, 'best peer'), plus(0, 'best peer', 'quire-write')],
      p99: [times(0.5, 'best peer')],
    }),
};

/** The same over wss. The CPU time of nginx counts where nginx ends TLS. */
export const wssFanOut: Workload = {
  name: 'wss-fan-out',
  describe: (settings) => `${describe(settings)}; over wss, peers behind nginx`,
  run: (settings) => compareTraffic(settings, { ...lecture(settings), tls: true }, { cpu: [times(0.7, 'best peer')] }),
};

function describe({ quick }: BenchSettings): string {
  return `one room, ${quick ? 10 : 100} readers, 5 writers at 20 edits/s each`;
}

function lecture({ quick }: BenchSettings): Traffic {
  return {
    rooms: 1,
    shape: { writers: 5, readers: quick ? 10 : 100 },
    per: 'delivery',
    drive: async ([room]) => {
      const senders = room?.writers.map((writer) => () => room.type(writer)) ?? [];
      await pace(senders, 20, quick ? 500 : 6_000);
    },
  };
}
