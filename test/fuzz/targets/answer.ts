import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { AccessError } from '../../../server/auth/access-error.ts';
import { AuthStats } from '../../../server/auth/auth-stats.ts';
import { CalloutAuthenticator } from '../../../server/auth/callout-authenticator.ts';
import type { Grant } from '../../../server/sync/grant.ts';
import type { Owner } from '../../support/owner.ts';
import type { FuzzTarget } from '../target.ts';
import { checkGrant } from './grant.ts';

const nowMs = Date.UTC(2026, 0, 1);
const docId = 'doc';
const until = nowMs / 1_000 + 60;

/** The HTTP response of an application to an access check, from the status line on. Only a valid one grants access. */
export async function openAnswerTarget(owner: Owner): Promise<FuzzTarget<Grant>> {
  let answer: Uint8Array = Uint8Array.of();
  const application = createServer((socket) => {
    // A client that hangs up early is the normal case here.
    socket.on('error', () => socket.destroy());
    socket.once('data', () => socket.end(answer));
  });
  application.listen(0, '127.0.0.1');
  await once(application, 'listening');
  owner.after(() => {
    application.close();
  });
  const url = new URL(`http://127.0.0.1:${(application.address() as AddressInfo).port}/`);
  const authenticator = new CalloutAuthenticator({ url, stats: new AuthStats(), now: () => nowMs });
  return {
    seeds: () => seeds.map((seed) => Buffer.from(seed)),
    generate: null,
    decode(input) {
      answer = input;
      return authenticator.recheck({ docId, token: 'token', origin: null, address: '' });
    },
    refusal: (error) => (error instanceof AccessError ? `${error.code} ${error.why.slice(0, 60)}` : null),
    check(grant) {
      checkGrant(grant, docId, nowMs);
      return `${grant.access} ${grant.person?.name === null}`;
    },
  };
}

const seeds = [
  withBody({ userId: 'ada', name: 'Ada', color: '#fff', access: 'write', until }),
  withBody({ userId: 'ada', access: 'read', until }),
  withBody({ userId: 'ada', access: 'read', until: nowMs }),
  withBody([]),
  withBody(null),
  'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n',
  'HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 2\r\n\r\n{}',
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
];

function withBody(body: unknown): string {
  const text = JSON.stringify(body);
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
}
