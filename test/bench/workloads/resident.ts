import { paced } from '../../support/deadline.ts';
import { Inspector, inspectorArgs } from '../../support/inspector.ts';
import { rangeReader } from '../clients/arrival.ts';
import { LoadClient } from '../clients/load-client.ts';
import { compare } from '../compare.ts';
import { times } from '../goals.ts';
import { openPaper, storeState, writePaper } from '../paper.ts';
import type { Workload } from '../workload.ts';

/** Caches for clients that join soon are empty after this time. The measurement is about memory that stays in use. */
const quietMs = 10_000;

/** The memory of open documents. */
export const resident: Workload = {
  name: 'resident',
  describe: ({ quick }) => `${quick ? 3 : 40} documents open, each ${quick ? 'the beginning of ' : ''}automerge-paper`,
  run: (settings) => {
    const paper = writePaper(1_000, settings.quick ? 5_000 : Infinity);
    const count = settings.quick ? 3 : 40;
    return compare<number>(settings, {
      measures: [
        { name: 'memory per document', unit: 'MB', goals: [times(0.1, 'best peer')], of: (bytes) => bytes / 1e6 },
      ],
      fresh: true,
      start: { nodeArgs: inspectorArgs },
      suits: ({ kind }) => kind !== 'floor',
      play: async (target) => {
        const store = async (): Promise<void> => {
          for (let index = 0; index < count; index++) {
            const author = await storeState(target, `paper-${index}`, paper);
            author.terminate();
          }
          await target.settles();
        };
        if (target.persists) {
          await store();
          await target.stop();
          await target.start();
        }
        const clients = [await LoadClient.open(target, 'other')];
        const inspector = await Inspector.attach(target.process);
        try {
          await inspector.heap();
          const before = target.pssBytes();
          if (!target.persists) await store();
          const read = rangeReader();
          for (let index = 0; index < count; index++) {
            clients.push(await openPaper(target, `paper-${index}`, paper, read));
          }
          await target.settles();
          if (!settings.quick) await paced(quietMs);
          await inspector.heap();
          return (target.pssBytes() - before) / count;
        } finally {
          for (const client of clients) client.terminate();
          inspector.close();
        }
      },
    });
  },
};
