import { digits, median } from './statistics.ts';
import { peers } from './servers/contenders.ts';
import type { Figure, Goal } from './workload.ts';

export interface Verdict {
  readonly isReached: boolean;
  /** One line with the two contenders, the result and the goal. */
  readonly text: string;
}

/** Compares a figure with a goal. Returns null if the other contender has no figure. */
export function verdictOn(figure: Figure, goal: Goal): Verdict | null {
  const own = figure.values[goal.of];
  if (!own) return null;
  const sign = figure.better === 'less' ? 'at most' : 'at least';
  if (goal.with === null) {
    const value = median(own);
    return {
      isReached: reaches(figure, value, goal.bound),
      text: `${goal.of}: ${figure.name} ${digits(value)} ${figure.unit}; goal: ${sign} ${digits(goal.bound)}`,
    };
  }
  const base = goal.with === 'best peer' ? bestPeer(figure) : goal.with;
  const others = base === null ? undefined : figure.values[base];
  if (base === null || !others) return null;
  // Compares within each repetition and takes the median, because both ran under the same conditions.
  const pairs = own.map((value, index) => {
    const other = others[index] ?? NaN;
    return goal.by === 'times' ? value / other : value - other;
  });
  const value = median(pairs.filter((pair) => !Number.isNaN(pair)));
  const show = (number: number): string =>
    goal.by === 'times' ? `x${digits(number)}` : `${number < 0 ? '' : '+'}${digits(number)} ${figure.unit}`;
  const whom = goal.with === 'best peer' ? `${base}, the best peer` : base;
  return {
    isReached: reaches(figure, value, goal.bound),
    text: `${goal.of}: ${figure.name} ${show(value)} of ${whom}; goal: ${sign} ${show(goal.bound)}`,
  };
}

function reaches({ better }: Figure, value: number, bound: number): boolean {
  return better === 'less' ? value <= bound : value >= bound;
}

function bestPeer({ values, better }: Figure): string | null {
  let best: string | null = null;
  for (const { name } of peers) {
    const own = values[name];
    if (!own) continue;
    const bestValues = best === null ? undefined : values[best];
    if (!bestValues || (better === 'less' ? median(own) < median(bestValues) : median(own) > median(bestValues)))
      best = name;
  }
  return best;
}
