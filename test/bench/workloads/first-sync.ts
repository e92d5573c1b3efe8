import { Inspector, inspectorArgs } from '../../support/inspector.ts';
import { LoadClient } from '../clients/load-client.ts';
import { compare } from '../compare.ts';
import { absolute, times } from '../goals.ts';
import { checkPaper, openPaper, storePaper, writePaper } from '../paper.ts';
import type { Workload } from '../workload.ts';

interface Run {
  readonly durationMs: number;
  readonly cpuMicros: number;
  readonly bytes: number;
}

/** The first client that opens a real document after a restart of the server. */
export const firstSync: Workload = {
  name: 'first-sync',
  describe: ({ quick }) => `${quick ? 'the beginning of ' : ''}automerge-paper, stored, opened after a restart`,
  run: (settings) => {
    const paper = writePaper(100, settings.quick ? 5_000 : Infinity);
    return compare<Run>(settings, {
      measures: [
        {
          name: 'time to full content',
          unit: 'ms',
          goals: [times(0.04, 'best peer'), absolute(25)],
          of: ({ durationMs }) => durationMs,
        },
        { name: 'CPU', unit: 'ms', goals: [times(0.04, 'best peer')], of: ({ cpuMicros }) => cpuMicros / 1e3 },
        { name: 'memory', unit: 'MB', goals: [times(0.04, 'best peer')], of: ({ bytes }) => bytes / 1e6 },
      ],
      start: { nodeArgs: inspectorArgs },
      suits: ({ server }) => server.persists,
      prepare: async (target) => {
        const author = await storePaper(target, 'paper', paper);
        author.terminate();
        await target.settles();
      },
      play: async (target) => {
        await target.stop();
        await target.start();
        const inspector = await Inspector.attach(target.process);
        try {
          // Opens another document first, so that the first WebSocket of the process is not measured.
          const other = await LoadClient.open(target, 'other');
          await target.settles();
          await inspector.heap();
          const [cpuMicros, bytes] = [target.cpuMicros(), target.pssBytes()];
          const startMs = performance.now();
          const reader = await openPaper(target, 'paper', paper);
          const durationMs = performance.now() - startMs;
          // The work that the server does afterwards counts too.
          await target.settles();
          const run = { durationMs, cpuMicros: target.cpuMicros() - cpuMicros, bytes: 0 };
          await inspector.heap();
          const held = target.pssBytes() - bytes;
          await checkPaper(target, 'paper', paper);
          reader.terminate();
          other.terminate();
          return { ...run, bytes: held };
        } finally {
          inspector.close();
        }
      },
    });
  },
};
