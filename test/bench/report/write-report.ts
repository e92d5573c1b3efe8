import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chart } from './chart.ts';
import { hasChart, markdown } from './markdown.ts';
import type { Result } from './results.ts';

/** The path from dist/test/bench/report. */
const docs = join(import.meta.dirname, '../../../../docs');

/** Writes docs/benchmarks.md and a chart for each comparison. Replaces the existing ones. */
export function writeReport(results: readonly Result[]): void {
  const page = join(docs, 'benchmarks.md');
  writeFileSync(page, markdown(results));
  execFileSync('npx', ['prettier', '--write', '--log-level', 'warn', page], { stdio: 'inherit' });
  const charts = join(docs, 'benchmarks');
  rmSync(charts, { recursive: true, force: true });
  mkdirSync(charts);
  for (const { name, outcome } of results.filter(hasChart)) {
    const withGoals = outcome.figures.filter(({ goals }) => goals.length > 0);
    writeFileSync(join(charts, `${name}.svg`), chart(withGoals.length > 0 ? withGoals : outcome.figures.slice(0, 1)));
  }
}
