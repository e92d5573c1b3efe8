/**
 * Ends with 0 if the server of this container is alive: the image's HEALTHCHECK, so that it needs no curl. Reads the
 * port from QUIRE_PORT as the server does, and finds out by itself whether TLS is on.
 */
import { get as getPlain } from 'node:http';
import { get as getSecure } from 'node:https';
import { options } from '../config-options.ts';

/** Two tries fit into the five seconds that the image gives. */
const timeoutMs = 2_000;
const port = process.env['QUIRE_PORT'] ?? options.port.default;

try {
  await alive('https').catch(() => alive('http'));
} catch (error) {
  console.error(`No answer from 127.0.0.1:${port}: ${(error as Error).message}`);
  process.exitCode = 1;
}

/** Resolves if /healthz answers 200. */
function alive(protocol: 'http' | 'https'): Promise<void> {
  const url = `${protocol}://127.0.0.1:${port}/healthz`;
  // Whether others should trust the certificate is not the question: this never leaves the machine.
  const secure = { rejectUnauthorized: false, timeout: timeoutMs };
  return new Promise((resolve, reject) => {
    const request = protocol === 'https' ? getSecure(url, secure) : getPlain(url, { timeout: timeoutMs });
    request.once('response', (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`status ${response.statusCode}`));
    });
    request.once('timeout', () => request.destroy(new Error(`silence for ${timeoutMs} ms`)));
    request.once('error', reject);
  });
}
