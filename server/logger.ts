import { pino } from 'pino';
import type { Logger } from 'pino';
import type { LogOutput } from './log-output.ts';

export type { Logger } from 'pino';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Logs JSON to `output`, one object per line; or, if `output` is null, to a terminal in a form for people. */
export async function createLogger(level: LogLevel, output: LogOutput | null): Promise<Logger> {
  const options = { level, base: null };
  if (output !== null) return pino(options, output);
  const { default: prettyStream } = await import('pino-pretty');
  return pino(options, prettyStream({ sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' }));
}
