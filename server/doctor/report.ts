import type { Diagnosed } from './doctor.ts';
import { exitStatus } from './finding.ts';
import { visibleText } from './visible-text.ts';

/** The exit status for what was found: that of the stage of the first error, or 0. */
export function statusOf({ findings }: Diagnosed): number {
  const error = findings.find(({ severity }) => severity === 'error');
  return error === undefined ? 0 : exitStatus[error.stage];
}

/** How long an examination may take. */
export interface TimeLimit {
  /** Null if nothing bounds it. */
  readonly maxSeconds: number | null;
}

/** What is printed before the examination begins. */
export function textHeading(subject: string, { maxSeconds }: TimeLimit): string {
  const limit = maxSeconds === null ? '' : `, which takes ${maxSeconds} s at most`;
  return `Examining ${visibleText(subject)}${limit}.\n`;
}

/** For people. */
export function textReport({ findings, measurements }: Diagnosed): string {
  const width = Math.max(0, ...measurements.map(({ name }) => name.length));
  return [
    ...measurements.map(({ name, value }) => `  ${name.padEnd(width)}  ${value}`),
    ...(measurements.length > 0 ? [''] : []),
    ...findings.flatMap(({ severity, code, sentence, advice }) => [
      `${severity === 'error' ? 'Wrong' : 'Warning'} (${code}): ${sentence}`,
      `  ${advice}`,
      '',
    ]),
    ...(findings.length === 0 ? ['Nothing is wrong.'] : []),
  ]
    .join('\n')
    .trimEnd();
}

/** For machines. */
export function jsonReport(target: string, { maxSeconds }: TimeLimit, diagnosed: Diagnosed): string {
  const measurements = Object.fromEntries(diagnosed.measurements.map(({ name, value }) => [name, value]));
  const { findings } = diagnosed;
  const ok = statusOf(diagnosed) === 0;
  return JSON.stringify({ target: visibleText(target), maxSeconds, ok, findings, measurements }, null, 2);
}
