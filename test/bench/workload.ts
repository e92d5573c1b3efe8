import type { Contender } from './servers/contenders.ts';

export interface BenchSettings {
  /** A small workload with one repetition and no goals, which only checks that all edits arrive. */
  readonly quick: boolean;
  readonly repetitions: number;
  readonly contenders: readonly Contender[];
  /** Selects the goals that count in this comparison. */
  goalsOf(goals: readonly Goal[], better: Figure['better']): readonly Goal[];
}

/** An upper bound for a figure of Quire, or a lower bound if more is better. */
export interface Goal {
  /** The contender that has the goal. */
  readonly of: string;
  /** What the figure is compared with: a contender, the best peer, or nothing. */
  readonly with: 'best peer' | (string & {}) | null;
  readonly by: 'times' | 'plus';
  readonly bound: number;
}

/** One figure of the report: a number for each contender and repetition. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  readonly better: 'less' | 'more';
  readonly values: Readonly<Record<string, readonly number[]>>;
  readonly goals: readonly Goal[];
}

/** A contender that has no figures in a workload. */
export interface Void {
  readonly name: string;
  readonly reason: string;
}

export interface Outcome {
  readonly figures: readonly Figure[];
  /** Contenders that lost, duplicated or reordered an edit, or failed. */
  readonly voids: readonly Void[];
}

export interface Workload {
  readonly name: string;
  describe(settings: BenchSettings): string;
  run(settings: BenchSettings): Promise<Outcome>;
}
