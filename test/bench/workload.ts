import type { Contender } from './servers/contenders.ts';

export interface BenchSettings {
  /** Small numbers, one repetition, without goals: only whether everything arrives. */
  readonly quick: boolean;
  readonly repetitions: number;
  readonly contenders: readonly Contender[];
  /** The goals that count in this comparison, of those that a figure has. */
  goalsOf(goals: readonly Goal[], better: Figure['better']): readonly Goal[];
}

/** What a figure of ours should be at most, or at least where more is better. */
export interface Goal {
  /** Whose figure, by name. */
  readonly of: string;
  /** What it is compared with: a contender by name, the best of all peers, or nothing. */
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
  /** Who lost an edit, doubled one, brought one out of order, or failed. */
  readonly voids: readonly Void[];
}

export interface Workload {
  readonly name: string;
  describe(settings: BenchSettings): string;
  run(settings: BenchSettings): Promise<Outcome>;
}
