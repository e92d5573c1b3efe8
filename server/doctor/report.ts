import type { Diagnosed } from './doctor.ts';
import { exitStatus } from './finding.ts';

/** The exit status for what was found: that of the stage of the first error, or 0. */
export function statusOf({ findings }: Diagnosed): number {
  const error = findings.find(({ severity }) => severity === 'error');
  return error === undefined ? 0 : exitStatus[error.stage];
}

/** For people. */
export function textReport(title: string, { findings, measurements }: Diagnosed): string {
  const width = Math.max(0, ...measurements.map(({ name }) => name.length));
  return [
    title,
    '',
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
export function jsonReport(target: string, diagnosed: Diagnosed): string {
  const measurements = Object.fromEntries(diagnosed.measurements.map(({ name, value }) => [name, value]));
  return JSON.stringify({ target, ok: statusOf(diagnosed) === 0, findings: diagnosed.findings, measurements }, null, 2);
}
