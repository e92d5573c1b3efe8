import { Arrival } from '../clients/arrival.ts';
import { LoadClient } from '../clients/load-client.ts';
import { compare } from '../compare.ts';
import { absolute } from '../goals.ts';
import { inParallel } from '../in-parallel.ts';
import { orClosed } from '../paper.ts';
import { TextWriter } from '../../support/text-writer.ts';
import type { Workload } from '../workload.ts';

const text = 'All that is in this document, which is short as most of them are. '.repeat(8);
const author = 1;

interface Run {
  readonly listeningMs: number;
  readonly firstSyncMs: number;
}

/** The restart of a server with many documents. */
export const restart: Workload = {
  name: 'restart',
  describe: ({ quick }) => `${quick ? 100 : '10,000'} documents stored, then a restart`,
  run: (settings) => {
    const count = settings.quick ? 100 : 10_000;
    return compare<Run>(settings, {
      measures: [
        { name: 'time to listen', unit: 'ms', goals: [absolute(300)], of: ({ listeningMs }) => listeningMs },
        { name: 'time to first sync', unit: 'ms', goals: [absolute(30)], of: ({ firstSyncMs }) => firstSyncMs },
      ],
      suits: ({ server }) => server.persists,
      prepare: async (target) => {
        await inParallel(count, 20, async (index) => {
          const client = await LoadClient.open(target, `document-${index}`);
          const arrival = new Arrival(author, text.length);
          client.onUpdate = (update): void => arrival.take(update);
          client.edit(new TextWriter(author).type(text));
          await orClosed(client, arrival.complete());
          client.terminate();
        });
        await target.settles();
      },
      play: async (target) => {
        await target.stop();
        const listeningMs = await target.start();
        const startMs = performance.now();
        const arrival = new Arrival(author, text.length);
        const onUpdate = (update: Uint8Array): void => arrival.take(update);
        const client = await LoadClient.open(target, `document-${count >> 1}`, { onUpdate });
        await orClosed(client, arrival.complete());
        const firstSyncMs = performance.now() - startMs;
        client.terminate();
        return { listeningMs, firstSyncMs };
      },
    });
  },
};
