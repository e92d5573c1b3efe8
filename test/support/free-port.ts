import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the ports that Linux gives to outgoing connections (`ip_local_port_range`): one of these that is free is soon somebody's. */
const range = { from: 10_240, to: 32_768 } as const;
/** Each process of tests has its own, so that two of them do not find the same port free. */
const perProcess = 128;

let found = 0;

/** A port of loopback that nobody has, for servers that do not tell which one they got, or that must get it again. Rejects if all are taken. */
export async function freePort(): Promise<number> {
  const first = range.from + (process.pid % ((range.to - range.from) / perProcess)) * perProcess;
  for (let tried = 0; tried < perProcess; tried++) {
    const port = first + (found++ % perProcess);
    if (await isFree(port)) return port;
  }
  throw new Error(`No port from ${first} to ${first + perProcess - 1} is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
