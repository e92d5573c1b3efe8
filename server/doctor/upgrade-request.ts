import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { dial, dialTls } from './dial.ts';
import { inTime } from './deadline.ts';
import type { Examination } from './examination.ts';
import { hostHeader } from './target.ts';

/** What came back for a request to become a WebSocket. */
export interface UpgradeAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Up to 4 KB; empty after status 101. */
  readonly body: string;
  /** For status 101: the accept header fits the key that was sent. */
  readonly accepted: boolean;
}

const maxBodyBytes = 4096;
/** RFC 6455, 4.2.2. */
const acceptSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Asks for a WebSocket by hand, for a library would not say what exactly came back. Rejects with the error of the socket or
 * of the HTTP parser, or with SilenceError. The connection is ended.
 */
export async function requestUpgrade(examination: Examination, origin: string | null): Promise<UpgradeAnswer> {
  const { target, deps } = examination;
  const { address } = examination.address!;
  const socket = target.secure
    ? await dialTls(target, address, deps.stepTimeoutMs)
    : await dial(address, target.port, deps.stepTimeoutMs);
  try {
    return await inTime(deps.stepTimeoutMs, ask(socket, examination, origin));
  } finally {
    socket.destroy();
  }
}

function ask(socket: Socket, { target }: Examination, origin: string | null): Promise<UpgradeAnswer> {
  const key = randomBytes(16).toString('base64');
  const accept = createHash('sha1')
    .update(key + acceptSuffix)
    .digest('base64');
  return new Promise((resolve, reject) => {
    const asked = request({
      createConnection: () => socket,
      path: target.path,
      headers: {
        Host: hostHeader(target),
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': key,
        ...(origin === null ? {} : { Origin: origin }),
      },
    });
    const answer = (response: IncomingMessage, body: string): void => {
      const { statusCode: status = 0, headers } = response;
      resolve({ status, headers, body, accepted: headers['sec-websocket-accept'] === accept });
    };
    asked.on('upgrade', (response) => answer(response, ''));
    asked.on('response', (response) => {
      // Without Upgrade in the answer, Node takes 101 for an ordinary answer that never ends.
      if (response.statusCode === 101) {
        answer(response, '');
        return;
      }
      let body = '';
      const done = (): void => answer(response, body);
      response.setEncoding('utf8');
      response.on('data', (text: string) => {
        body += text;
        if (body.length > maxBodyBytes) done();
      });
      response.on('end', done);
      response.on('error', done);
    });
    // 1xx answers other than this one do not come here.
    asked.on('information', ({ statusCode, headers }) => {
      if (statusCode === 101) resolve({ status: 101, headers, body: '', accepted: false });
    });
    asked.on('error', reject);
    socket.on('error', reject);
    asked.end();
  });
}
