import { request as requestHttp } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { rootCertificates } from 'node:tls';
import { PeerError } from '../limits/peer-text.ts';
import { AcmeError, problemError } from './acme-error.ts';
import type { Problem } from './acme-error.ts';
import { maxRetryAfterMs } from './renewal-time.ts';

export interface AcmeTransportOptions {
  /** A further root to trust, PEM; null for the usual ones only. */
  readonly ca: string | null;
  readonly userAgent: string;
  /** Ends all requests. */
  readonly signal: AbortSignal;
  /** In milliseconds since 1970. */
  now(): number;
}

export interface AcmeRequest {
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

/** For a whole request: authorities answer within seconds, and slower ones are as good as down. */
const timeoutMs = 30_000;
/** A chain of certificates takes 10 KB. */
const maxBodyBytes = 1024 * 1024;

const badNonce = 'urn:ietf:params:acme:error:badNonce';

/** Takes requests to the authority: with a time limit, a size limit, and the authority's problems as AcmeError. */
export class AcmeTransport {
  readonly #options: AcmeTransportOptions;

  constructor(options: AcmeTransportOptions) {
    this.#options = options;
  }

  /** Rejects with AcmeError for whatever is no success; but resolves for a used nonce, which is to be tried again. */
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
    throw problemError(problem, `the authority answers with status ${answer.status}`, retryAfterMs);
  }

  /** Seconds, or a date. Null if there is none that means anything. */
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
        // Minutes pass between orders.
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
    if (bytes > maxBodyBytes) throw new AcmeError('bad-answer', `an answer of more than ${maxBodyBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function problemOf(body: string): Problem {
  try {
    const problem: unknown = JSON.parse(body);
    return typeof problem === 'object' && problem !== null ? problem : {};
  } catch {
    // A proxy's page, say: the status is all that there is.
    return {};
  }
}
