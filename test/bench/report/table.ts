import { spread } from '../statistics.ts';
import { verdictOn } from '../verdict.ts';
import type { Outcome } from '../workload.ts';

/** One row per contender, with the median, the least and the greatest of the repetitions. */
export function rowsOf({ figures }: Outcome): string[][] {
  const names = [...new Set(figures.flatMap(({ values }) => Object.keys(values)))];
  return [
    ['', ...figures.map(({ name, unit }) => (unit === '' ? name : `${name} [${unit}]`))],
    ...names.map((name) => [name, ...figures.map(({ values }) => spread(values[name] ?? []))]),
  ];
}

/** The remarks below the table: goals that were reached or missed, and why a contender has no figures. */
export function remarksOf({ figures, voids }: Outcome): string[] {
  const verdicts = figures.flatMap((figure) => figure.goals.map((goal) => verdictOn(figure, goal)));
  return [
    ...verdicts.flatMap((verdict) => (verdict ? [`${verdict.isReached ? 'ok    ' : 'MISSED'} ${verdict.text}`] : [])),
    ...voids.map(({ name, reason }) => `VOID   ${name}: ${reason}`),
  ];
}

/** The table for a terminal. */
export function table(outcome: Outcome): string {
  const rows = rowsOf(outcome);
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return [...lines, ...remarksOf(outcome)].map((line) => `  ${line}`.trimEnd()).join('\n');
}
