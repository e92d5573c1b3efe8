import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';

/**
 * Below the range from which Linux takes ports for outgoing connections (`ip_local_port_range`), where a free port is
 * soon taken.
 */
const range = { from: 10_240, to: 32_768 } as const;
/** The number of ports that one test process reserves. It listens on the first of them as long as it lives. */
const perProcess = 128;

let firstOfOurs: Promise<number> | null = null;
let found = 0;

/**
 * Resolves with a port on loopback that no other test process uses, for servers that cannot report their port or that
 * must get the same one again. Rejects if all are taken.
 */
export async function freePort(): Promise<number> {
  const first = await (firstOfOurs ??= claimPorts());
  for (let tried = 1; tried < perProcess; tried++) {
    const port = first + 1 + (found++ % (perProcess - 1));
    const server = await listen(port);
    if (server === null) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
  throw new Error(`No port from ${first} to ${first + perProcess - 1} is free`);
}

async function claimPorts(): Promise<number> {
  const blocks = (range.to - range.from) / perProcess;
  for (let tried = 0; tried < blocks; tried++) {
    const first = range.from + ((process.pid + tried) % blocks) * perProcess;
    const claim = await listen(first);
    if (claim === null) continue;
    claim.unref();
    return first;
  }
  throw new Error('Every block of ports is reserved by another test process');
}

/** Listens on the port. Resolves with null if it is taken. */
async function listen(port: number): Promise<Server | null> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return server;
  } catch {
    return null;
  }
}
