import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { openConnection } from './connection.ts';
import { inTime } from './deadline.ts';
import type { Examination, HostAddress } from './examination.ts';
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

/** What is asked for. */
export interface UpgradeRequest {
  /** With the query. */
  readonly path: string;
  readonly origin: string | null;
  readonly protocols: readonly string[];
}

/**
 * Asks for a WebSocket by hand, because a library would not say what exactly came back. Rejects with ConnectionError, with
 * the error of the socket or of the HTTP parser, or with SilenceError. The connection is ended.
 */
export async function requestUpgrade(
  examination: Examination,
  address: HostAddress,
  request: UpgradeRequest,
): Promise<UpgradeAnswer> {
  const { target, deps } = examination;
  const socket = await openConnection(examination, address);
  try {
    return await inTime(deps.stepTimeoutMs, ask(socket, hostHeader(target), request));
  } finally {
    socket.destroy();
  }
}

function ask(socket: Socket, host: string, { path, origin, protocols }: UpgradeRequest): Promise<UpgradeAnswer> {
  const key = randomBytes(16).toString('base64');
  const accept = createHash('sha1')
    .update(key + acceptSuffix)
    .digest('base64');
  return new Promise((resolve, reject) => {
    const asked = request({
      createConnection: () => socket,
      path,
      headers: {
        Host: host,
        Connection: 'Upgrade',
        Upgrade: 'websocket',
        'Sec-WebSocket-Version': '13',
        'Sec-WebSocket-Key': key,
        ...(protocols.length === 0 ? {} : { 'Sec-WebSocket-Protocol': protocols.join(', ') }),
        ...(origin === null ? {} : { Origin: origin }),
      },
    });
    const answer = (response: IncomingMessage, body: string): void => {
      resolve(answerOf(response, body, response.headers['sec-websocket-accept'] === accept));
    };
    asked.on('upgrade', (response) => answer(response, ''));
    asked.on('response', (response) => {
      // Without Upgrade in the answer, Node takes 101 for an ordinary answer that never ends.
      if (response.statusCode === 101) answer(response, '');
      else readBody(response).then((body) => answer(response, body), reject);
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

/** The answer to a request, its body having been read. */
export function answerOf(
  { statusCode = 0, headers }: IncomingMessage,
  body: string,
  accepted: boolean = false,
): UpgradeAnswer {
  return { status: statusCode, headers, body, accepted };
}

/** Resolves with the beginning of the body, also if the rest of it is cut off. */
export function readBody(response: IncomingMessage): Promise<string> {
  return new Promise((resolve) => {
    let body = '';
    const done = (): void => resolve(body);
    response.setEncoding('utf8');
    response.on('data', (text: string) => {
      body += text;
      if (body.length > maxBodyBytes) done();
    });
    response.on('end', done);
    response.on('error', done);
    response.on('close', done);
  });
}
