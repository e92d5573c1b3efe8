import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { acmePath } from '../tls/challenge-answers.ts';
import type { ChallengeAnswers } from '../tls/challenge-answers.ts';
import { endUnlessHungUp, lingerMs, refuseSocket } from './refusals.ts';
import type { RequestRate } from './request-rate.ts';

/** A name or an address, with or without a port. Nothing else is copied into the response. */
const hostPattern = /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d+)?$/i;

/**
 * The https URL for a request over plain HTTP; null if the request names no host. Status 308 keeps the method.
 * WebSocket clients do not follow redirects, but report them.
 */
export function secureLocation(request: IncomingMessage, securePort: number): string | null {
  const host = hostPattern.exec(request.headers.host ?? '')?.[1];
  // A target in absolute form, or `*`, is for a proxy.
  if (host === undefined || request.url?.startsWith('/') !== true) return null;
  return `https://${host}${securePort === 443 ? '' : `:${securePort}`}${request.url}`;
}

export interface RedirectToTlsDeps {
  securePort(): number;
  /** Shared with the TLS port. */
  readonly rate: Pick<RequestRate, 'listener' | 'refusalOf'>;
  /** Answers the challenges of an ACME authority; null if certificates do not come by ACME. */
  readonly challenges: ChallengeAnswers | null;
}

/** Answers requests and upgrades on the plain HTTP port of a server that speaks TLS on another port. */
export class RedirectToTls {
  /** The listener of `request`. */
  readonly request: RequestListener;
  readonly #deps: RedirectToTlsDeps;

  constructor(deps: RedirectToTlsDeps) {
    this.#deps = deps;
    this.request = deps.rate.listener((request, response) => this.#answer(request, response), isChallenge);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    // The body is not read.
    response.setHeader('Connection', 'close');
    const answer = this.#deps.challenges?.http(request.url ?? '') ?? null;
    if (answer !== null) {
      const length = Buffer.byteLength(answer);
      response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': length }).end(answer);
      return;
    }
    const location = secureLocation(request, this.#deps.securePort());
    if (location === null) response.writeHead(400);
    else response.writeHead(308, { Location: location });
    response.end();
  }

  /** Answers an upgrade. */
  readonly handle = (request: IncomingMessage, socket: Duplex): void => {
    socket.on('error', () => socket.destroy());
    const refusal = this.#deps.rate.refusalOf(request);
    if (refusal !== null) {
      refuseSocket(socket, refusal);
      return;
    }
    const location = secureLocation(request, this.#deps.securePort());
    const head =
      location === null ? 'HTTP/1.1 400 Bad Request' : `HTTP/1.1 308 Permanent Redirect\r\nLocation: ${location}`;
    socket.end(`${head}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    endUnlessHungUp(socket, lingerMs);
  };
}

/** Challenges do not count in `request-rate`: an authority that gets 503 would not renew the certificate. */
function isChallenge(target: string): boolean {
  return target.startsWith(acmePath);
}
