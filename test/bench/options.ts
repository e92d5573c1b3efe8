import { parseArgs } from 'node:util';

export interface Options {
  readonly quick: boolean;
  readonly peers: boolean;
  readonly report: boolean;
  readonly repetitions: number;
  /** A revision to compare this build with, instead of relays and peers. */
  readonly against: string | null;
  /** Names of workloads; empty for all. */
  readonly names: readonly string[];
}

/** Parses the command line. Returns an error message if it is invalid. */
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

  --peers           also measure y-websocket, @y/websocket-server and Hocuspocus (installs them in test/bench/peers)
  --repetitions n   number of repetitions; default 3
  --quick           small workloads, once, without goals: only checks that no edit is lost
  --against <rev>   compare this build with that of another revision
  --report          measure nothing; write docs/benchmarks.md from earlier results of --peers

Workloads: ${known.join(', ')}`;
}
