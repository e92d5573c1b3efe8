import type { Target } from './target.ts';

export interface BenchSettings {
  /** Small numbers, one repetition, no goals: only whether everything arrives. */
  readonly quick: boolean;
  readonly repetitions: number;
}

/** What a figure should be, relative to the relay's of the same repetition or by itself. */
export type Goal =
  | { readonly kind: 'ratio'; readonly most: number }
  | { readonly kind: 'above'; readonly most: number }
  | { readonly kind: 'absolute'; readonly most: number };

/** One figure of the report: a number for each repetition. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** Null where the relay has nothing to compare. */
  readonly relay: readonly number[] | null;
  readonly quire: readonly number[];
  readonly goal: Goal | null;
}

export interface Workload {
  readonly name: string;
  describe(settings: BenchSettings): string;
  /** Rejects if an edit was lost, doubled or out of order: then there is nothing to report. */
  run(settings: BenchSettings): Promise<readonly Figure[]>;
}

/** What one repetition of a traffic workload measured. */
export interface TrafficRun {
  readonly serverCpuMicros: number;
  /** What the CPU time is divided by: edits, or deliveries. */
  readonly units: number;
  readonly latenciesMs: readonly number[];
  readonly durationMs: number;
}

/** Plays one repetition in rooms of its own, whose names begin with `prefix`. */
export type Play = (target: Target, prefix: string) => Promise<TrafficRun>;
