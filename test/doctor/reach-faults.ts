import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Owner } from '../support/owner.ts';
import type { Fault } from './fault.ts';
import { tcpPeer } from './peers.ts';

/** Faults of the network. Those of the name are in name-faults.ts. */
export const reachFaults: readonly Fault[] = [
  {
    name: 'a port without a listener',
    expected: 'tcp-refused',
    async plant(t) {
      const ended: (() => void | Promise<void>)[] = [];
      const port = await tcpPeer({ after: (cleanUp) => ended.push(cleanUp) }, () => {});
      for (const cleanUp of ended) await cleanUp();
      t.after(() => {});
      return { url: `ws://127.0.0.1:${port}/sync/doc` };
    },
  },
  {
    name: 'a port whose packets vanish',
    expected: 'tcp-timeout',
    plant: async (t) => ({ url: `ws://127.0.0.1:${await fullPort(t)}/sync/doc` }),
  },
  {
    name: 'an address without a route',
    expected: 'tcp-unreachable',
    // Linux has no TCP to the broadcast address.
    plant: async () => ({ url: 'ws://255.255.255.255:8443/sync/doc' }),
  },
  {
    name: 'an IPv6 address without a listener',
    expected: 'tcp-one-family',
    plant: async (_t, quire) => ({
      url: quire.url.replace('127.0.0.1', 'sync.test') + '/doc',
      deps: {
        lookup: async () => [
          // Only the name server calls it IPv6, because many containers have no IPv6.
          { address: '127.0.0.3', family: 6 },
          { address: '127.0.0.1', family: 4 },
        ],
      },
    }),
  },
  {
    name: 'one of two addresses without a listener',
    expected: 'tcp-one-address',
    plant: async (_t, quire) => ({
      url: quire.url.replace('127.0.0.1', 'sync.test') + '/doc',
      deps: {
        lookup: async () => [
          { address: '127.0.0.2', family: 4 },
          { address: '127.0.0.1', family: 4 },
        ],
      },
    }),
  },
];

/** A process that does not accept connections and has a full queue, so the kernel drops further packets. */
async function fullPort(owner: Owner): Promise<number> {
  const script = `const server = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () =>
    console.log(server.address().port));`;
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] });
  owner.after(() => void child.kill('SIGKILL'));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  child.kill('SIGSTOP');
  const port = Number(line.toString());
  const fillers = Array.from({ length: 4 }, () => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => {});
    return socket;
  });
  owner.after(() => {
    for (const socket of fillers) socket.destroy();
  });
  // The queue holds two; the others never connect.
  await Promise.all(fillers.slice(0, 2).map((socket) => once(socket, 'connect')));
  return port;
}
