import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verdictOn } from '../verdict.ts';
import type { Result } from './results.ts';
import { remarksOf, rowsOf } from './table.ts';

/** docs/benchmarks.md: the account of all results. What does not depend on them stands in introduction.md beside this file. */
export function markdown(results: readonly Result[]): string {
  const introduction = readFileSync(join(import.meta.dirname, '../../../../test/bench/report/introduction.md'), 'utf8');
  return [
    introduction.trim(),
    '## In short',
    table(['workload', 'goal', 'reached'], results.flatMap(verdictRows)),
    '## Measured on',
    measuredOn(results),
    ...results.flatMap(section),
    '',
  ].join('\n\n');
}

function verdictRows({ name, outcome }: Result): string[][] {
  return outcome.figures.flatMap((figure) =>
    figure.goals.flatMap((goal) => {
      const verdict = verdictOn(figure, goal);
      return verdict ? [[`[${name}](#${name})`, verdict.text, verdict.isReached ? 'yes' : '**no**']] : [];
    }),
  );
}

/** Workloads that were measured in the same surroundings share a line. */
function measuredOn(results: readonly Result[]): string {
  const groups = new Map<string, string[]>();
  for (const { name, surroundings, repetitions } of results) {
    const { date, machine, revision, versions } = surroundings;
    const packages = Object.entries(versions).map(([key, version]) => `${key} ${version}`);
    const key = `${date}, revision ${revision}, ${repetitions} repetitions. ${machine}. ${packages.join(', ')}`;
    groups.set(key, [...(groups.get(key) ?? []), name]);
  }
  return [...groups].map(([key, names]) => `- ${names.join(', ')}: ${key}.`).join('\n');
}

function section(result: Result): string[] {
  const { name, description, outcome } = result;
  const [head = [], ...rows] = rowsOf(outcome);
  const remarks = remarksOf(outcome).map((remark) => `- ${remark.replace(/\s+/g, ' ')}`);
  return [`## ${name}`, `${description}.`, `![${name}](benchmarks/${name}.svg)`, table(head, rows), remarks.join('\n')];
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
