/**
 * Exits with 0 if the server of this container answers `/healthz`: the image's HEALTHCHECK, so that the image needs no
 * curl. Reads host and port from the same variables as the server, and tries both with TLS and without: TLS may have been
 * turned off by a flag, which this process cannot see.
 */
import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';
import { readOptions } from '../config/config.ts';

/** Two tries fit into the five seconds that the image allows. */
const timeoutMs = 2_000;

try {
  const authority = listeningAt();
  await alive(`https://${authority}/healthz`).catch(() => alive(`http://${authority}/healthz`));
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}

/** Where the server listens, seen from this machine. Throws ConfigError. */
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
    // The certificate proves nothing here: the request never leaves this machine.
    const request = get(url, { rejectUnauthorized: false, timeout: timeoutMs });
    request.once('response', (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else fail(`status ${response.statusCode}`);
    });
    request.once('timeout', () => request.destroy(new Error(`silence for ${timeoutMs} ms`)));
    request.once('error', ({ message }) => fail(message));
  });
}
