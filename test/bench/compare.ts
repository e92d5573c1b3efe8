import { Disposer } from '../support/owner.ts';
import type { Contender } from './servers/contenders.ts';
import { Target } from './servers/target.ts';
import type { TargetOptions } from './servers/target.ts';
import type { BenchSettings, Figure, Goal, Outcome, Void } from './workload.ts';

/** Computes one figure from the measurements of a repetition; null if there is nothing to measure. */
export interface Measure<Run> {
  readonly name: string;
  readonly unit: string;
  readonly better?: 'less' | 'more';
  readonly goals?: readonly Goal[];
  of(run: Run): number | null;
}

export interface Round {
  /** Prefix for the names of documents, unique to this round. */
  readonly prefix: string;
  /** Whether the round only warms up and is not counted. */
  readonly isWarmUp: boolean;
}

export interface Plan<Run> {
  readonly measures: readonly Measure<Run>[];
  /** Rejects if an edit was lost, duplicated or out of order. The contender then has no figures. */
  play(target: Target, round: Round): Promise<Run>;
  /** Called once per process, before anything is measured. */
  prepare?(target: Target): Promise<void>;
  /** Use a new process for every repetition, without a warm-up, because a process that has grown does not shrink. */
  readonly fresh?: boolean;
  readonly start?: TargetOptions;
  suits?(contender: Contender): boolean;
}

/**
 * Runs a workload on all contenders in turns, so that other activity on the machine affects all of them equally. Each
 * contender begins a round once, because a later one finds the load generator warmer.
 */
export async function compare<Run>(settings: BenchSettings, plan: Plan<Run>): Promise<Outcome> {
  const race = new Race(settings, plan);
  try {
    return await race.run();
  } finally {
    await race.end();
  }
}

class Race<Run> {
  readonly #settings: BenchSettings;
  readonly #plan: Plan<Run>;
  readonly #runs = new Map<Contender, Run[]>();
  readonly #voids: Void[] = [];
  /** The processes that are kept from round to round. */
  readonly #targets = new Map<Contender, Target>();
  readonly #disposer = new Disposer();
  #racing: readonly Contender[];

  constructor(settings: BenchSettings, plan: Plan<Run>) {
    this.#settings = settings;
    this.#plan = plan;
    this.#racing = settings.contenders.filter((contender) => plan.suits?.(contender) ?? true);
    for (const contender of this.#racing) this.#runs.set(contender, []);
  }

  async run(): Promise<Outcome> {
    const { fresh = false, measures } = this.#plan;
    if (!fresh) {
      for (const contender of this.#racing) {
        await this.#attempt(contender, async () => {
          this.#targets.set(contender, await this.#start(contender, this.#disposer));
        });
      }
    }
    const warmUps = fresh || this.#settings.quick ? 0 : 1;
    for (let index = 0; index < this.#settings.repetitions + warmUps; index++) {
      const first = index % Math.max(1, this.#racing.length);
      const order = [...this.#racing.slice(first), ...this.#racing.slice(0, first)];
      const round = { prefix: `round-${index}`, isWarmUp: index < warmUps };
      for (const contender of order) await this.#attempt(contender, () => this.#play(contender, round));
    }
    return { figures: measures.map((measure) => this.#figureOf(measure)), voids: this.#voids };
  }

  async end(): Promise<void> {
    await this.#disposer.dispose();
  }

  /** A contender that fails once has no figures at all. */
  async #attempt(contender: Contender, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#racing = this.#racing.filter((other) => other !== contender);
      this.#runs.delete(contender);
      this.#voids.push({ name: contender.name, reason: error instanceof Error ? error.message : String(error) });
    }
  }

  async #start({ name, server }: Contender, owner: Disposer): Promise<Target> {
    const target = await Target.start(name, server, owner, { ...this.#plan.start, settles: !this.#settings.quick });
    await this.#plan.prepare?.(target);
    return target;
  }

  async #play(contender: Contender, round: Round): Promise<void> {
    const own = new Disposer();
    try {
      const target = this.#targets.get(contender) ?? (await this.#start(contender, own));
      const run = await this.#plan.play(target, round);
      if (!round.isWarmUp) this.#runs.get(contender)?.push(run);
      await target.settles();
    } finally {
      await own.dispose();
    }
  }

  #figureOf({ name, unit, better = 'less', goals = [], of }: Measure<Run>): Figure {
    const values: Record<string, number[]> = {};
    for (const [contender, runs] of this.#runs) {
      const numbers = runs.map(of).filter((value) => value !== null);
      if (numbers.length > 0) values[contender.name] = numbers;
    }
    return { name, unit, better, values, goals: this.#settings.goalsOf(goals, better) };
  }
}
