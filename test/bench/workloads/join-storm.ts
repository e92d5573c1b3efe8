import { rangeReader } from '../clients/arrival.ts';
import type { LoadClient } from '../clients/load-client.ts';
import { compare } from '../compare.ts';
import { times } from '../goals.ts';
import { openPaper, storePaper, writePaper } from '../paper.ts';
import type { Workload } from '../workload.ts';

/** Number of storms, one after the other, because a single one is too short for a CPU clock of 10 ms. */
const storms = 3;

interface Run {
  readonly joins: number;
  readonly durationMs: number;
  readonly cpuMicros: number;
}

/** A class opens a document that another client has open already. */
export const joinStorm: Workload = {
  name: 'join-storm',
  describe: ({ quick }) =>
    `${quick ? 'the beginning of ' : ''}automerge-paper, opened by ${quick ? 20 : 150} clients at once`,
  run: (settings) => {
    const paper = writePaper(100, settings.quick ? 5_000 : Infinity);
    const count = settings.quick ? 20 : 150;
    return compare<Run>(settings, {
      measures: [
        {
          name: 'joins',
          unit: '/s',
          better: 'more',
          goals: [times(6, 'best peer')],
          of: ({ joins, durationMs }) => (joins / durationMs) * 1000,
        },
        {
          name: 'CPU per join',
          unit: 'ms',
          goals: [times(0.15, 'best peer')],
          of: ({ joins, cpuMicros }) => cpuMicros / joins / 1000,
        },
      ],
      suits: ({ kind }) => kind !== 'floor',
      // The author stays connected.
      prepare: async (target) => void (await storePaper(target, 'paper', paper)),
      play: async (target) => {
        // Reads the document once before the time counts. The documents of the other clients are only compared with it.
        const read = rangeReader();
        const first = await openPaper(target, 'paper', paper, read);
        first.terminate();
        const before = target.cpuMicros();
        let durationMs = 0;
        for (let storm = 0; storm < storms; storm++) {
          const startMs = performance.now();
          const opening = Array.from({ length: count }, () => openPaper(target, 'paper', paper, read));
          const clients: LoadClient[] = await Promise.all(opening);
          durationMs += performance.now() - startMs;
          for (const client of clients) client.terminate();
        }
        return { joins: storms * count, durationMs, cpuMicros: target.cpuMicros() - before };
      },
    });
  },
};
