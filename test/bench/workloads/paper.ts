import { compare } from '../compare.ts';
import { absolute, times } from '../goals.ts';
import { checkPaper, storePaper, writePaper } from '../paper.ts';
import type { Workload } from '../workload.ts';

/** y-leveldb stores updates after it has relayed them, which may take longer than the writing itself. */
const settleTimeoutMs = 120_000;

interface Run {
  readonly cpuMicros: number;
  readonly durationMs: number;
  readonly diskBytes: number;
}

/**
 * A client writes a real document, keystroke by keystroke, at full speed. Then the server is stopped and its disk space
 * measured.
 */
export const paperWriting: Workload = {
  name: 'paper',
  describe: ({ quick }) => `automerge-paper, ${quick ? '2,000' : '259,778'} edits one by one, 500 in flight`,
  run: (settings) => {
    const paper = writePaper(1, settings.quick ? 2_000 : Infinity);
    return compare<Run>(settings, {
      measures: [
        {
          name: 'CPU per edit',
          unit: 'us',
          goals: [times(0.5, 'best peer'), absolute(32)],
          of: ({ cpuMicros }) => cpuMicros / paper.edits,
        },
        { name: 'rate', unit: 'edits/s', better: 'more', of: ({ durationMs }) => (paper.edits / durationMs) * 1000 },
        {
          name: 'disk / encoded state',
          unit: 'times',
          goals: [absolute(1.2)],
          of: ({ diskBytes }) => (diskBytes > 0 ? diskBytes / paper.state.length : null),
        },
        { name: 'disk', unit: 'KB', of: ({ diskBytes }) => (diskBytes > 0 ? diskBytes / 1e3 : null) },
      ],
      fresh: true,
      suits: ({ kind }) => kind !== 'floor',
      play: async (target, { prefix }) => {
        const before = target.cpuMicros();
        const startMs = performance.now();
        const author = await storePaper(target, prefix, paper);
        const durationMs = performance.now() - startMs;
        await target.settles(settleTimeoutMs);
        const cpuMicros = target.cpuMicros() - before;
        await checkPaper(target, prefix, paper);
        author.terminate();
        if (!target.persists) return { cpuMicros, durationMs, diskBytes: 0 };
        await target.settles();
        await target.stop();
        return { cpuMicros, durationMs, diskBytes: target.diskBytes() };
      },
    });
  },
};
