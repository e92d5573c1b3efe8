import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome, Workload } from '../workload.ts';
import type { Surroundings } from './surroundings.ts';

/** The result of one run of a workload on all servers. */
export interface Result {
  readonly name: string;
  readonly description: string;
  readonly repetitions: number;
  readonly surroundings: Surroundings;
  readonly outcome: Outcome;
}

/** The path from dist/test/bench/report. Git ignores the folder. */
const folder = join(import.meta.dirname, '../../../../test/bench/results');

/** Keeps a result for the report, and replaces an earlier one of this workload. */
export function keep(result: Result): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(fileOf(result.name), `${JSON.stringify(result, null, 2)}\n`);
}

/** The kept results of these workloads, in the same order. */
export function kept(workloads: readonly Workload[]): Result[] {
  return workloads.flatMap(({ name }) => {
    try {
      return [JSON.parse(readFileSync(fileOf(name), 'utf8')) as Result];
    } catch (error) {
      // The workload was not measured yet.
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
}

function fileOf(name: string): string {
  return join(folder, `${name}.json`);
}
