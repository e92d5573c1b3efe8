import { Disposer } from '../support/owner.ts';
import type { Contender } from './servers/contenders.ts';
import { Target } from './servers/target.ts';
import type { TargetOptions } from './servers/target.ts';
import type { BenchSettings, Figure, Goal, Outcome, Void } from './workload.ts';

/** One figure, read from what a repetition has measured; null where there is nothing to measure. */
export interface Measure<Run> {
  readonly name: string;
  readonly unit: string;
  readonly better?: 'less' | 'more';
  readonly goals?: readonly Goal[];
  of(run: Run): number | null;
}

export interface Round {
  /** For the names of documents: nobody has used it yet. */
  readonly prefix: string;
  /** It only warms up, and is not counted. */
  readonly isWarmUp: boolean;
}

export interface Plan<Run> {
  readonly measures: readonly Measure<Run>[];
  /** Rejects if an edit was lost, doubled or out of order: then the contender has no figures. */
  play(target: Target, round: Round): Promise<Run>;
  /** Once for every process, before anything is measured. */
  prepare?(target: Target): Promise<void>;
  /** A new process for every repetition, and no warming up: what an earlier one has stretched does not shrink again. */
  readonly fresh?: boolean;
  readonly start?: TargetOptions;
  suits?(contender: Contender): boolean;
}

/**
 * Plays a workload on all contenders in turns, so that what else happens on the machine meets all alike. Everyone begins
 * once: whoever comes after another finds the load generator warmer.
 */
export async function compare<Run>(settings: BenchSettings, plan: Plan<Run>): Promise<Outcome> {
  const runs = new Map<string, Run[]>();
  const voids: Void[] = [];
  const disposer = new Disposer();
  const targets = new Map<string, Target>();
  let racing = settings.contenders.filter((contender) => plan.suits?.(contender) ?? true);
  const attempt = async (contender: Contender, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      racing = racing.filter((other) => other !== contender);
      runs.delete(contender.name);
      voids.push({ name: contender.name, reason: error instanceof Error ? error.message : String(error) });
    }
  };
  const start = async ({ name, server }: Contender, owner: Disposer): Promise<Target> => {
    const target = await Target.start(name, server, owner, plan.start);
    await plan.prepare?.(target);
    return target;
  };
  const play = async (contender: Contender, round: Round): Promise<void> => {
    const own = new Disposer();
    try {
      const target = targets.get(contender.name) ?? (await start(contender, own));
      const run = await plan.play(target, round);
      if (!round.isWarmUp) runs.set(contender.name, [...(runs.get(contender.name) ?? []), run]);
      if (!plan.fresh) await target.settles();
    } finally {
      await own.dispose();
    }
  };
  const warmUps = plan.fresh || settings.quick ? 0 : 1;
  try {
    if (!plan.fresh) {
      for (const contender of racing) {
        await attempt(contender, async () => {
          targets.set(contender.name, await start(contender, disposer));
        });
      }
    }
    for (let index = 0; index < settings.repetitions + warmUps; index++) {
      const first = index % Math.max(1, racing.length);
      const order = [...racing.slice(first), ...racing.slice(0, first)];
      const round = { prefix: `round-${index}`, isWarmUp: index < warmUps };
      for (const contender of order) await attempt(contender, () => play(contender, round));
    }
  } finally {
    await disposer.dispose();
  }
  return { figures: plan.measures.map((measure) => figureOf(measure, runs, settings)), voids };
}

function figureOf<Run>(
  { name, unit, better = 'less', goals = [], of }: Measure<Run>,
  runs: ReadonlyMap<string, readonly Run[]>,
  settings: BenchSettings,
): Figure {
  const values: Record<string, number[]> = {};
  for (const [contender, measured] of runs) {
    const numbers = measured.map(of).filter((value) => value !== null);
    if (numbers.length > 0) values[contender] = numbers;
  }
  return { name, unit, better, values, goals: settings.quick ? [] : goals };
}
