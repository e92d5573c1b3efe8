import type { Diagnosed } from './doctor.ts';
import { exitStatus } from './finding.ts';
import { visibleText } from './visible-text.ts';

/** The exit status: that of the first error's stage, or 0 without errors. */
export function statusOf({ findings }: Diagnosed): number {
  const error = findings.find(({ severity }) => severity === 'error');
  return error === undefined ? 0 : exitStatus[error.stage];
}

/** The time limit of an examination. */
interface TimeLimit {
  /** Null for no limit. */
  readonly maxSeconds: number | null;
}

/** The text that is printed before the examination begins. */
export function textHeading(subject: string, { maxSeconds }: TimeLimit): string {
  const limit = maxSeconds === null ? '' : `, which takes ${maxSeconds} s at most`;
  return `Examining ${visibleText(subject)}${limit}.\n`;
}

/** The report as text. */
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

/** The report as JSON. */
export function jsonReport(target: string, { maxSeconds }: TimeLimit, diagnosed: Diagnosed): string {
  const measurements = Object.fromEntries(diagnosed.measurements.map(({ name, value }) => [name, value]));
  const { findings } = diagnosed;
  const ok = statusOf(diagnosed) === 0;
  return JSON.stringify({ target: visibleText(target), maxSeconds, ok, findings, measurements }, null, 2);
}
