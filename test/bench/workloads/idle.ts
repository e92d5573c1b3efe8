import { Inspector, inspectorArgs } from '../../support/inspector.ts';
import { LoadClient } from '../clients/load-client.ts';
import { compare } from '../compare.ts';
import { absolute, times } from '../goals.ts';
import { inParallel } from '../in-parallel.ts';
import type { BenchSettings, Goal, Outcome, Workload } from '../workload.ts';

interface Run {
  readonly totalBytes: number;
  readonly bytesPerConnection: number;
}

/** Clients that have a document open and do nothing. */
export const idle: Workload = {
  name: 'idle',
  describe: (settings) => `${connectionsOf(settings)} connections, a document each, after a garbage collection`,
  run: (settings) => measureIdle(settings, false, [times(0.5, 'best peer'), times(1.25, 'relay')]),
};

/** The same over wss. The memory of nginx counts where nginx ends TLS. */
export const wssIdle: Workload = {
  name: 'wss-idle',
  describe: (settings) => `${connectionsOf(settings)} connections over wss, a document each; peers with nginx`,
  run: (settings) => measureIdle(settings, true, [absolute(50)]),
};

/**
 * The memory per connection is that of the last two thirds of the connections. Memory that a process takes once
 * (compiled code, a larger heap, the arenas of its threads) is only in the total. With 1,200 connections after the
 * first 300, results varied between 6 and 10 KB.
 */
function measureIdle(settings: BenchSettings, tls: boolean, goals: readonly Goal[]): Promise<Outcome> {
  return compare<Run>(settings, {
    measures: [
      { name: 'memory per connection', unit: 'KB', goals, of: (run) => run.bytesPerConnection / 1e3 },
      { name: 'memory', unit: 'MB', of: ({ totalBytes }) => totalBytes / 1e6 },
    ],
    fresh: true,
    start: { nodeArgs: inspectorArgs, tls },
    play: async (target) => {
      const count = connectionsOf(settings);
      const inspector = await Inspector.attach(target.process);
      const clients: LoadClient[] = [];
      const open = (name: string, some: number): Promise<void> =>
        inParallel(some, 10, async (index) => {
          clients.push(await LoadClient.open(target, `${name}-${index}`));
        });
      try {
        const first = Math.round(count / 3);
        await open('first', first);
        await inspector.heap();
        const before = target.pssBytes();
        await open('others', count - first);
        await inspector.heap();
        const totalBytes = target.pssBytes();
        return { totalBytes, bytesPerConnection: (totalBytes - before) / (count - first) };
      } finally {
        for (const client of clients) client.terminate();
        inspector.close();
      }
    },
  });
}

function connectionsOf({ quick }: BenchSettings): number {
  return quick ? 60 : 4_500;
}
