import { createHash, randomBytes } from 'node:crypto';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { openConnection } from './connection.ts';
import { inTime } from './deadline.ts';
import type { Examination, HostAddress } from './examination.ts';
import { hostHeader } from './target.ts';

/** The response to a request for a WebSocket. */
export interface UpgradeAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Up to 4 KB; empty after status 101. */
  readonly body: string;
  /** With status 101: whether the accept header fits the key that was sent. */
  readonly accepted: boolean;
}

const maxBodyBytes = 4096;
/** RFC 6455, 4.2.2. */
const acceptSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** The parts of the request that vary. */
interface UpgradeRequest {
  /** Path and query. */
  readonly path: string;
  readonly origin: string | null;
  readonly protocols: readonly string[];
}

/**
 * Sends a request for a WebSocket without a WebSocket library, because a library would hide details of the response.
 * Closes the connection afterwards. Rejects with ConnectionError, SilenceError, or the error of the socket or the HTTP
 * parser.
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
      // Without an Upgrade header, Node treats 101 as an ordinary response that never ends.
      if (response.statusCode === 101) answer(response, '');
      else readBody(response).then((body) => answer(response, body), reject);
    });
    asked.on('error', reject);
    socket.on('error', reject);
    asked.end();
  });
}

/** Makes an UpgradeAnswer from a response and its body. */
export function answerOf(
  { statusCode = 0, headers }: IncomingMessage,
  body: string,
  accepted: boolean = false,
): UpgradeAnswer {
  return { status: statusCode, headers, body, accepted };
}

/** Resolves with the beginning of the body, also if the response ends early. */
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
