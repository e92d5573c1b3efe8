import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';

/** Below the ports that Linux gives to outgoing connections (`ip_local_port_range`): one of these that is free is soon taken. */
const range = { from: 10_240, to: 32_768 } as const;
/** Each process of tests has so many for itself. It listens on the first of them to say so, for as long as it lives. */
const perProcess = 128;

let firstOfOurs: Promise<number> | null = null;
let found = 0;

/**
 * A port of loopback that no other process of tests uses, for servers that do not tell which one they got, or that must get
 * it again. Rejects if all are taken.
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
  throw new Error('Every block of ports is taken by another process of tests');
}

/** Listens on the port; null if it is taken. */
async function listen(port: number): Promise<Server | null> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return server;
  } catch {
    return null;
  }
}
