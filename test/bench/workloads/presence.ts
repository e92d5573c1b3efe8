import { compare } from '../compare.ts';
import { times } from '../goals.ts';
import { pace } from '../pace.ts';
import { PresenceLoad } from '../presence-load.ts';
import { quantile } from '../statistics.ts';
import type { Workload } from '../workload.ts';

interface Run {
  readonly cpuMicrosPerDelivery: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Many clients that move their cursors. A delivery is one move for one other client, even if a later move has replaced
 * it.
 */
export const presence: Workload = {
  name: 'presence',
  describe: ({ quick }) =>
    `${quick ? 20 : 200} clients in a room, 5 moves/s each; clients send back the presence that they receive`,
  run: (settings) =>
    compare<Run>(settings, {
      measures: [
        {
          name: 'CPU per delivery',
          unit: 'us',
          goals: [times(0.25, 'best peer')],
          of: ({ cpuMicrosPerDelivery }) => cpuMicrosPerDelivery,
        },
        { name: 'latency p50', unit: 'ms', of: ({ p50Ms }) => p50Ms },
        { name: 'latency p99', unit: 'ms', of: ({ p99Ms }) => p99Ms },
      ],
      // A relay would relay the presence that is sent back forever.
      suits: ({ kind }) => kind !== 'floor',
      play: async (target, { prefix, isWarmUp }) => {
        const load = await PresenceLoad.open(target, prefix, settings.quick ? 20 : 200);
        try {
          await target.settles();
          const before = target.cpuMicros();
          const moved = load.people.map(({ clock }) => clock);
          await pace(
            load.people.map((person) => () => load.move(person)),
            5,
            settings.quick ? 400 : isWarmUp ? 500 : 2_000,
          );
          await load.complete();
          // The server may still be reading presence that was sent back.
          await target.settles();
          const moves = load.people.reduce((sum, { clock }, index) => sum + clock - (moved[index] ?? 0), 0);
          return {
            cpuMicrosPerDelivery: (target.cpuMicros() - before) / (moves * (load.people.length - 1)),
            p50Ms: quantile(load.latenciesMs, 0.5),
            p99Ms: quantile(load.latenciesMs, 0.99),
          };
        } finally {
          load.close();
        }
      },
    }),
};
