import * as Y from 'yjs';
import { Arrival } from '../clients/arrival.ts';
import { LoadClient } from '../clients/load-client.ts';
import { stateVectorOf } from '../clients/state-vector.ts';
import { compare } from '../compare.ts';
import { absolute, times } from '../goals.ts';
import { orClosed, storePaper, writePaper } from '../paper.ts';
import { median } from '../statistics.ts';
import type { Workload } from '../workload.ts';

interface Run {
  readonly bytes: number;
  readonly cpuMicros: number;
}

/** A client reconnects to a real document and lacks its last edit. */
export const reconnect: Workload = {
  name: 'reconnect',
  describe: ({ quick }) =>
    `${quick ? 'the beginning of ' : ''}automerge-paper, ${quick ? 10 : 50} clients reconnect and lack one edit`,
  run: (settings) => {
    const paper = writePaper(100, settings.quick ? 5_000 : Infinity);
    const count = settings.quick ? 10 : 50;
    const stateVector = stateVectorOf(paper.author, paper.end - 1);
    const least = Y.diffUpdate(paper.state, stateVector).length;
    return compare<Run>(settings, {
      measures: [
        { name: 'updates', unit: 'bytes', goals: [absolute(least)], of: ({ bytes }) => bytes },
        {
          name: 'CPU per client',
          unit: 'ms',
          goals: [times(0.2, 'best peer')],
          of: ({ cpuMicros }) => cpuMicros / 1e3,
        },
      ],
      suits: ({ kind }) => kind !== 'floor',
      prepare: async (target) => void (await storePaper(target, 'paper', paper)),
      play: async (target) => {
        const before = target.cpuMicros();
        const sizes: number[] = [];
        for (let index = 0; index < count; index++) {
          const arrival = new Arrival(paper.author, paper.end);
          arrival.clock = paper.end - 1;
          let bytes = 0;
          const onUpdate = (update: Uint8Array): void => {
            bytes += update.length;
            arrival.take(update);
          };
          const client = await LoadClient.open(target, 'paper', { stateVector, onUpdate });
          await orClosed(client, arrival.complete());
          client.terminate();
          sizes.push(bytes);
        }
        return { bytes: median(sizes), cpuMicros: (target.cpuMicros() - before) / count };
      },
    });
  },
};
