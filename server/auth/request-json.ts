import { request as requestHttp } from 'node:http';
import type { Agent } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Agent as SecureAgent } from 'node:https';
import { PeerError } from '../peer-text.ts';

export interface JsonRequest {
  readonly url: URL;
  /** What is posted; without it, a GET. */
  readonly body?: unknown;
  /** Keeps connections and bounds how many there are; of the protocol of the URL. */
  readonly agent: Agent | SecureAgent;
  /** For everything: waiting for a connection, the answer and its body. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
}

export interface JsonAnswer {
  readonly status: number;
  /** Undefined if it was not JSON. */
  readonly body: unknown;
}

/** Asks another server once, and follows no redirect. Rejects with PeerError if no whole answer came in time. */
export function requestJson({ url, body, agent, timeoutMs, maxBytes }: JsonRequest): Promise<JsonAnswer> {
  const payload = body === undefined ? null : Buffer.from(JSON.stringify(body));
  const headers: Record<string, string | number> = { Accept: 'application/json' };
  if (payload !== null) {
    headers['Content-Type'] = 'application/json';
    headers['Content-Length'] = payload.length;
  }
  const options = { agent, headers, method: payload === null ? 'GET' : 'POST', signal: AbortSignal.timeout(timeoutMs) };
  return new Promise((resolve, refuse) => {
    const reject = (error: unknown): void => refuse(new PeerError(error));
    const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > maxBytes) response.destroy(new Error(`the answer is larger than ${maxBytes} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: parse(Buffer.concat(chunks)) }));
    });
    request.on('error', reject);
    // Without a listener Node drops the socket and says nothing more.
    request.on('upgrade', (_, socket) => {
      socket.destroy();
      reject(new Error('the answer switches protocols'));
    });
    request.end(payload);
  });
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch {
    return undefined;
  }
}
