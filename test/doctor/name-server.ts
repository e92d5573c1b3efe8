import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import type { HostAddress } from '../../server/doctor/examination.ts';
import type { Owner } from '../support/owner.ts';

/** Response codes of RFC 1035, 4.1.1, and silence. */
const codes = { 'no such name': 3, 'no address': 0, failure: 2, silence: null } as const;

/** A name server with a fault, and the lookup of a machine that asks it. */
export async function faultyNameServer(
  owner: Owner,
  fault: keyof typeof codes,
): Promise<(host: string) => Promise<readonly HostAddress[]>> {
  const server = createSocket('udp4');
  server.on('message', (query, { port, address }) => {
    const code = codes[fault];
    if (code === null) return;
    const answer = Buffer.from(query);
    // A response, recursion available, no records.
    answer.writeUInt16BE(0x8180 | code, 2);
    server.send(answer, port, address);
  });
  server.bind(0, '127.0.0.1');
  await once(server, 'listening');
  const resolver = new Resolver();
  resolver.setServers([`127.0.0.1:${server.address().port}`]);
  owner.after(() => {
    resolver.cancel();
    server.close();
  });
  return async (host) => (await resolver.resolve4(host)).map((address) => ({ address, family: 4 }));
}
