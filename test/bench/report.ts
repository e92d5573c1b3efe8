import { digits, median, spread } from './statistics.ts';
import type { Figure, Goal } from './workload.ts';

const columns = ['figure', 'relay', 'quire', 'compared', 'goal', ''] as const;

/** Lines of a table: median and, in brackets, the least and the greatest of the repetitions. */
export function table(figures: readonly Figure[]): string {
  const rows = [[...columns], ...figures.map(rowOf)];
  const widths = columns.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
    .join('\n');
}

/** Whether the median of a figure is what it should be; null if there is no goal. */
export function isReached({ relay, quire, goal }: Figure): boolean | null {
  return goal && compared(goal.kind, relay, quire) <= goal.most;
}

function rowOf(figure: Figure): string[] {
  const { name, unit, relay, quire, goal } = figure;
  const reached = isReached(figure);
  return [
    `${name} [${unit}]`,
    relay ? spread(relay) : '-',
    spread(quire),
    relay ? `x${digits(compared('ratio', relay, quire))}` : '-',
    goal ? `<= ${goalSigns[goal.kind]}${goal.most}` : '-',
    reached === null ? '' : reached ? 'ok' : 'MISSED',
  ];
}

/** The two of one repetition are compared, then the median is taken: they shared the same moments of the machine. */
function compared(kind: Goal['kind'], relay: readonly number[] | null, quire: readonly number[]): number {
  const base = (repetition: number): number => relay?.[repetition] ?? NaN;
  const comparisons: Record<Goal['kind'], (value: number, repetition: number) => number> = {
    ratio: (value, repetition) => value / base(repetition),
    above: (value, repetition) => value - base(repetition),
    absolute: (value) => value,
  };
  return median(quire.map(comparisons[kind]));
}

const goalSigns: Record<Goal['kind'], string> = { ratio: 'x', above: '+', absolute: '' };
