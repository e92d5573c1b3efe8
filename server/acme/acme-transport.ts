import { request as requestHttp } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { rootCertificates } from 'node:tls';
import { PeerError } from '../limits/peer-text.ts';
import { AcmeError, problemError } from './acme-error.ts';
import type { Problem } from './acme-error.ts';
import { maxRetryAfterMs } from './renewal-time.ts';

export interface AcmeTransportOptions {
  /** An additional root to trust, PEM; null for none. */
  readonly ca: string | null;
  readonly userAgent: string;
  /** Aborts all requests. */
  readonly signal: AbortSignal;
  /** In milliseconds since 1970. */
  now(): number;
}

interface AcmeRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
}

export interface AcmeAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Time limit of a whole request. Authorities answer within seconds; slower ones count as down. */
const timeoutMs = 30_000;
/** A certificate chain takes 10 KB. */
const maxBodyBytes = 1024 * 1024;

const badNonce = 'urn:ietf:params:acme:error:badNonce';

/**
 * Sends requests to the authority, with a time limit and a size limit. Converts the authority's problems to AcmeError.
 */
export class AcmeTransport {
  readonly #options: AcmeTransportOptions;

  constructor(options: AcmeTransportOptions) {
    this.#options = options;
  }

  /** Rejects with AcmeError unless the request succeeds. Resolves for a used nonce, which the library retries. */
  async send(request: AcmeRequest): Promise<AcmeAnswer> {
    let answer: AcmeAnswer;
    try {
      answer = await this.#exchange(request);
    } catch (cause) {
      if (cause instanceof AcmeError) throw cause;
      const { host } = new URL(request.url);
      throw new AcmeError('no-answer', `${host} cannot be reached: ${new PeerError(cause).message}`);
    }
    if (answer.status < 400) return answer;
    const problem = problemOf(answer.body);
    if (problem.type === badNonce) return answer;
    const retryAfterMs = this.#retryAfterMs(answer.headers['retry-after']);
    throw problemError(problem, `the authority answered with status ${answer.status}`, retryAfterMs);
  }

  /** Reads seconds or a date. Null if the header is missing or invalid. */
  #retryAfterMs(header: string | undefined): number | null {
    if (header === undefined) return null;
    const ms = /^\d{1,9}$/.test(header) ? Number(header) * 1_000 : Date.parse(header) - this.#options.now();
    return ms > 0 ? Math.min(ms, maxRetryAfterMs) : null;
  }

  #exchange({ method, url, headers, body }: AcmeRequest): Promise<AcmeAnswer> {
    const { ca, userAgent, signal } = this.#options;
    const secure = new URL(url).protocol === 'https:';
    return new Promise((resolve, reject) => {
      const deadline = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
      const request = (secure ? requestHttps : requestHttp)(url, {
        method,
        headers: { ...headers, 'User-Agent': userAgent, 'Accept-Language': 'en' },
        // Minutes pass between orders, so connections are not kept.
        agent: false,
        signal,
        ...(ca === null ? {} : { ca: [...rootCertificates, ca] }),
      });
      request.on('close', () => clearTimeout(deadline));
      request.on('error', reject);
      request.on('response', (response) => {
        readBody(response).then(
          (text) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }),
          reject,
        );
      });
      request.end(body ?? undefined);
    });
  }
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBodyBytes) throw new AcmeError('bad-answer', `the answer is larger than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function problemOf(body: string): Problem {
  try {
    const problem: unknown = JSON.parse(body);
    return typeof problem === 'object' && problem !== null ? problem : {};
  } catch {
    // For example, the error page of a proxy. Only the status is known.
    return {};
  }
}
