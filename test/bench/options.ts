import { parseArgs } from 'node:util';

export interface Options {
  readonly quick: boolean;
  readonly peers: boolean;
  readonly report: boolean;
  readonly repetitions: number;
  /** A revision to compare this build with, instead of relays and peers. */
  readonly against: string | null;
  /** Names of workloads; none: all. */
  readonly names: readonly string[];
}

/** Reads the command line; returns what is wrong with it, if anything is. */
export function readOptions(args: readonly string[], known: readonly string[]): Options | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        peers: { type: 'boolean', default: false },
        report: { type: 'boolean', default: false },
        repetitions: { type: 'string', default: '3' },
        against: { type: 'string' },
      },
      allowPositionals: true,
    });
    const stranger = positionals.find((name) => !known.includes(name));
    if (stranger !== undefined) return `There is no workload ${stranger}`;
    const repetitions = values.quick ? 1 : Number(values.repetitions);
    if (!Number.isInteger(repetitions) || repetitions < 1) return '--repetitions takes a number from 1 on';
    if (values.against !== undefined && values.peers) return '--against compares two builds, without --peers';
    return { ...values, repetitions, against: values.against ?? null, names: positionals };
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export function usage(known: readonly string[]): string {
  return `Usage: npm run bench -- [options] [workload ...]

  --peers           beside y-websocket, @y/websocket-server and Hocuspocus too (installs them in test/bench/peers)
  --repetitions n   how often each is measured; 3 unless told
  --quick           small numbers, once, without goals: only to see that nothing is lost
  --against <rev>   this build beside that of another revision
  --report          measures nothing; writes docs/benchmarks.md from what was measured with --peers before

Workloads: ${known.join(', ')}`;
}
