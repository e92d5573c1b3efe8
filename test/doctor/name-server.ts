import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Owner } from '../support/owner.ts';

/** How a name server answers: a response code of RFC 1035 4.1.1, silence, or 127.0.0.1 for an A record. */
const responses = { 'no such name': 3, 'no address': 0, failure: 2, refused: 5, silence: null, address: 0 } as const;

export type NameServerFault = keyof typeof responses;

/** A random loopback address, so that its port 53 is free. */
function someLoopback(): string {
  const parts = Array.from({ length: 3 }, () => 1 + Math.floor(Math.random() * 253));
  return ['127', ...parts].join('.');
}

/** A name server at port 53 of an address of this machine, which needs root. Resolves with the address. */
export async function nameServer(owner: Owner, fault: NameServerFault): Promise<string> {
  const address = someLoopback();
  const server = createSocket('udp4');
  server.on('message', (query, sender) => {
    const code = responses[fault];
    if (code === null) return;
    const isA = query.readUInt16BE(endOfName(query)) === 1;
    const record = fault === 'address' && isA ? [aRecord] : [];
    // The header and the question, without the additional records of the query.
    const answer = Buffer.concat([query.subarray(0, endOfName(query) + 4), ...record]);
    // A response, recursion available.
    answer.writeUInt16BE(0x8180 | code, 2);
    answer.writeUInt16BE(record.length, 6);
    answer.writeUInt32BE(0, 8);
    server.send(answer, sender.port, sender.address);
  });
  server.bind(53, address);
  await once(server, 'listening');
  owner.after(() => {
    server.close();
  });
  return address;
}

const headerBytes = 12;
/** For the name of the question: type A, class IN, one minute, 127.0.0.1. */
const aRecord = Buffer.from([0xc0, headerBytes, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);

/** The offset of the question's type. */
function endOfName(query: Buffer): number {
  return query.indexOf(0, headerBytes) + 1;
}
