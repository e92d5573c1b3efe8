import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verdictOn } from '../verdict.ts';
import { spread } from '../statistics.ts';
import type { Result } from './results.ts';
import { remarksOf, rowsOf } from './table.ts';

const widthColumns = 120;

/**
 * The text of docs/benchmarks.md. Its first part, which is the same for all results, is introduction.md beside this
 * file.
 */
export function markdown(results: readonly Result[]): string {
  const introduction = readFileSync(join(import.meta.dirname, '../../../../test/bench/report/introduction.md'), 'utf8');
  return [
    introduction.trim(),
    '## Goals',
    table(['workload', 'goal', 'reached'], results.flatMap(verdictRows)),
    '## Machines and versions',
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

/** One entry for all workloads that were measured on the same day, revision and machine. */
function measuredOn(results: readonly Result[]): string {
  const groups = new Map<string, Result[]>();
  for (const result of results) {
    const { date, machine, revision, versions } = result.surroundings;
    const packages = Object.entries(versions).map(([key, version]) => `${key} ${version}`);
    const key = `${date}, revision ${revision}, repetitions: ${result.repetitions}. ${machine}. ${packages.join(', ')}`;
    groups.set(key, [...(groups.get(key) ?? []), result]);
  }
  return [...groups]
    .map(([key, group]) => {
      const fsync = spread(group.map(({ surroundings }) => surroundings.fsyncMs));
      return listItem(`${group.map(({ name }) => name).join(', ')}: ${key}. An fsync took ${fsync} ms.`);
    })
    .join('\n');
}

function section(result: Result): string[] {
  const { name, description, outcome } = result;
  const [head = [], ...rows] = rowsOf(outcome);
  const remarks = remarksOf(outcome).map((remark) => `- ${remark.replace(/\s+/g, ' ')}`);
  const picture = hasChart(result) ? [`![${name}](benchmarks/${name}.svg)`] : [];
  const sentence = `${description.charAt(0).toUpperCase()}${description.slice(1)}.`;
  return [`## ${name}`, sentence, ...picture, table(head, rows), remarks.join('\n')];
}

/** A list item, wrapped at 120 columns. */
function listItem(text: string): string {
  const lines: string[] = [];
  let line = '-';
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > widthColumns) {
      lines.push(line);
      line = ' ';
    }
    line += ` ${word}`;
  }
  return [...lines, line].join('\n');
}

/** Whether a result compares at least two contenders. */
export function hasChart({ outcome }: Result): boolean {
  return outcome.figures.some(({ values }) => Object.keys(values).length > 1);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
