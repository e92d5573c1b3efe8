import { request as requestHttp } from 'node:http';
import type { Agent } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { Agent as SecureAgent } from 'node:https';
import { systemAfter } from '../limits/after.ts';
import type { After } from '../limits/after.ts';
import { PeerError } from '../limits/peer-text.ts';

interface JsonRequest {
  readonly url: URL;
  /** The body of a POST. Without it, the request is a GET. */
  readonly body?: unknown;
  /** Reuses connections and bounds their number. Must fit the protocol of the URL. */
  readonly agent: Agent | SecureAgent;
  /** Covers the wait for a connection, the answer and its body. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Measures `timeoutMs`. Default: the system's timers. */
  readonly after?: After | undefined;
}

export interface JsonAnswer {
  readonly status: number;
  /** Undefined if it was not JSON. */
  readonly body: unknown;
}

/** Sends one request and follows no redirect. Rejects with PeerError if no complete answer arrives in time. */
export function requestJson(asked: JsonRequest): Promise<JsonAnswer> {
  const { url, body, agent, timeoutMs, maxBytes, after = systemAfter } = asked;
  const payload = body === undefined ? null : Buffer.from(JSON.stringify(body));
  const headers: Record<string, string | number> = { Accept: 'application/json' };
  if (payload !== null) {
    headers['Content-Type'] = 'application/json';
    headers['Content-Length'] = payload.length;
  }
  const options = { agent, headers, method: payload === null ? 'GET' : 'POST' };
  let cancelTimeout: (() => void) | undefined;
  return new Promise<JsonAnswer>((resolve, refuse) => {
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
    cancelTimeout = after(timeoutMs, () => {
      reject(new Error(`no answer within ${timeoutMs} ms`));
      request.destroy();
    });
    // Without a listener Node destroys the socket and emits no further event.
    request.on('upgrade', (_, socket) => {
      socket.destroy();
      reject(new Error('the answer switches protocols'));
    });
    request.end(payload);
  }).finally(() => cancelTimeout?.());
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString());
  } catch {
    return undefined;
  }
}
