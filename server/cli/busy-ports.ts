import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Config } from '../config/config.ts';
import { ListenError } from '../net/listener.ts';

/** How many ports above a busy one are tried before the message names no free one. */
const maxTries = 20;
/** Ports up to this one need privileges. */
const lastPrivilegedPort = 1023;

interface Way {
  readonly option: string;
  readonly port: number;
  /** Null if none of the next ports is free. */
  readonly free: number | null;
}

/**
 * Turns a ListenError about busy or privileged ports into one that says which options to add. Names all such ports,
 * because each start reports only the first one. `underNpm` is true if the server was started by `npm start`. Returns
 * every other error as it is.
 */
export async function withWayOut(error: unknown, config: Config, underNpm: boolean): Promise<unknown> {
  if (!(error instanceof ListenError)) return error;
  const { code } = error.cause as NodeJS.ErrnoException;
  if (code !== 'EADDRINUSE' && code !== 'EACCES') return error;
  const ways: Way[] = [];
  for (const [option, port] of portsOf(config)) {
    if ((await codeOfListening(config.host, port)) !== code) continue;
    ways.push({ option, port, free: await freePortAfter(config.host, port, ways) });
  }
  // The port has become free since. Trying again helps.
  if (ways.length === 0) return error;
  return new ListenError(sentence(ways, code, config.host, underNpm), { cause: error.cause });
}

function portsOf({ plainPort, port, httpPort }: Config): [option: string, port: number][] {
  const ports = [
    ['--plain-port', plainPort],
    ['--port', port],
    ['--http-port', httpPort],
  ] as const;
  return ports.flatMap(([option, port]) => (port === null || port === 0 ? [] : [[option, port]]));
}

function sentence(ways: readonly Way[], code: string, host: string, underNpm: boolean): string {
  const several = ways.length > 1;
  const named = `${several ? 'Ports' : 'Port'} ${ways.map(({ port }) => port).join(' and ')} on ${host}`;
  const problem =
    code === 'EACCES'
      ? `${named} may not be used by this user.`
      : `${named} ${several ? 'are' : 'is'} in use by ${several ? 'other programs' : 'another program'}.`;
  if (ways.some(({ free }) => free === null)) {
    return `${problem} Choose another with ${ways.map(({ option }) => option).join(' and ')}.`;
  }
  const flags = ways.map(({ option, free }) => `${option} ${free}`).join(' ');
  const command = underNpm ? ` (npm start -- ${flags})` : '';
  return `${problem} Add ${flags}, which ${several ? 'are' : 'is'} free${command}.`;
}

/** The next free port that needs no privileges and that is not proposed already. */
async function freePortAfter(host: string, port: number, proposed: readonly Way[]): Promise<number | null> {
  // 443 becomes 8443, 80 becomes 8080.
  const first = port <= lastPrivilegedPort ? port + 8_000 : port + 1;
  for (let candidate = first; candidate < first + maxTries && candidate <= 65_535; candidate++) {
    if (proposed.some(({ free }) => free === candidate)) continue;
    if ((await codeOfListening(host, candidate)) === null) return candidate;
  }
  return null;
}

/** Listens for a moment. Resolves with the code of the error, or null if it worked. */
async function codeOfListening(host: string, port: number): Promise<string | null> {
  const server = createServer().listen({ host, port });
  try {
    await once(server, 'listening');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'unknown';
  }
  server.close();
  await once(server, 'close');
  return null;
}
