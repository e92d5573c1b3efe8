import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';
import { excerpt } from './limits/peer-text.ts';

export type { Logger } from 'pino';

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Bounds of a logged error, in characters: the message, and the stack including the stacks of its causes. */
const maxMessageLength = 2_000;
const maxStackLength = 20_000;

/**
 * Converts an error for the log. Takes only plain values of its fields, because Node's errors also carry the bytes that
 * could not be parsed and the whole certificate of a peer.
 */
export function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { type, message, stack, ...fields } = pino.stdSerializers.err(error);
  const plain = Object.entries(fields).flatMap(([key, value]: [string, unknown]) => {
    if (typeof value === 'string') return [[key, excerpt(value)]];
    return typeof value === 'number' || typeof value === 'boolean' ? [[key, value]] : [];
  });
  return {
    type,
    message: excerpt(message, maxMessageLength),
    stack: stack
      .split('\n')
      .map((line) => excerpt(line, maxMessageLength))
      .join('\n')
      .slice(0, maxStackLength),
    ...Object.fromEntries(plain),
  };
}

/** Logs JSON to `output`, one object per line. If `output` is null, logs to a terminal in readable form. */
export async function createLogger(level: LogLevel, output: DestinationStream | null): Promise<Logger> {
  const options = { level, base: null, serializers: { err: serializeError } };
  if (output !== null) return pino(options, output);
  const { default: prettyStream } = await import('pino-pretty');
  return pino(options, prettyStream({ sync: true, ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l' }));
}
