/**
 * The image's HEALTHCHECK, so that the image needs no curl. Exits with 0 if the server of this container answers
 * `/healthz`. Reads host and port from the same variables as the server. Tries both with and without TLS, because a
 * flag that this process cannot see may have turned TLS off.
 */
import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';
import { readOptions } from '../config/config.ts';

/** Two attempts fit into the five seconds that the image allows. */
const timeoutMs = 2_000;

try {
  const authority = listeningAt();
  await alive(`https://${authority}/healthz`).catch(() => alive(`http://${authority}/healthz`));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

/** The server's host and port, as reachable from this machine. Throws ConfigError. */
function listeningAt(): string {
  const { host, port } = readOptions([], process.env).values;
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** Resolves if the answer is 200. */
function alive(url: string): Promise<void> {
  const get = url.startsWith('https:') ? getSecure : getPlain;
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => reject(new Error(`No answer from ${new URL(url).host}: ${reason}`));
    // The certificate is not verified, because the request never leaves this machine.
    const request = get(url, { rejectUnauthorized: false, timeout: timeoutMs });
    request.once('response', (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else fail(`status ${response.statusCode}`);
    });
    request.once('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    request.once('error', ({ message }) => fail(message));
  });
}
