import { request } from 'node:http';
import type { Socket } from 'node:net';
import { inTime } from './deadline.ts';
import { dial, dialTls } from './dial.ts';
import type { Examination, HostAddress } from './examination.ts';
import { hostHeader } from './target.ts';

/**
 * The time of the server's clock in milliseconds since 1970, from the Date header of an HTTP response. Null if there is
 * none. The peer may not be trusted, so the request contains nothing of the URL.
 */
export async function serverTimeMs({ target, deps }: Examination, { address }: HostAddress): Promise<number | null> {
  let socket: Socket | null = null;
  try {
    socket = target.secure
      ? await dialTls(target, address, deps.stepTimeoutMs / 2)
      : await dial(address, target.port, deps.stepTimeoutMs / 2);
    const date = await inTime(deps.stepTimeoutMs / 2, dateOf(socket, hostHeader(target)));
    const timeMs = Date.parse(date ?? '');
    return Number.isNaN(timeMs) ? null : timeMs;
  } catch {
    // A server that does not answer gives no time.
    return null;
  } finally {
    socket?.destroy();
  }
}

function dateOf(socket: Socket, host: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    request({ createConnection: () => socket, method: 'HEAD', path: '/healthz', headers: { Host: host } })
      .on('response', (response) => {
        response.resume();
        resolve(response.headers.date);
      })
      .on('error', reject)
      .end();
  });
}
