import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { acmePath } from '../tls/challenge-answers.ts';
import type { ChallengeAnswers } from '../tls/challenge-answers.ts';
import { endUnlessHungUp, lingerMs, refuseSocket } from './refusals.ts';
import type { RequestRate } from './request-rate.ts';

/** A name or an address, with or without a port; nothing else goes into the answer. */
const hostPattern = /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(:\d+)?$/i;

/**
 * Where a request over plain HTTP should have gone; null if it does not say to which host. Status 308 keeps the method.
 * WebSockets do not follow it, but their client then says where it was sent.
 */
export function secureLocation(request: IncomingMessage, securePort: number): string | null {
  const host = hostPattern.exec(request.headers.host ?? '')?.[1];
  // A target in absolute form, or `*`, is meant for a proxy.
  if (host === undefined || request.url?.startsWith('/') !== true) return null;
  return `https://${host}${securePort === 443 ? '' : `:${securePort}`}${request.url}`;
}

export interface RedirectToTlsDeps {
  securePort(): number;
  /** Shared with the port that has TLS. */
  readonly rate: Pick<RequestRate, 'listener' | 'refusalOf'>;
  /** Answers for the authority that renews the certificates; null if they come from elsewhere. */
  readonly challenges: ChallengeAnswers | null;
}

/** Answers every request, and every upgrade, on the plain port of a server that speaks TLS on another. */
export class RedirectToTls {
  /** The listener of `request`. */
  readonly request: RequestListener;
  readonly #deps: RedirectToTlsDeps;

  constructor(deps: RedirectToTlsDeps) {
    this.#deps = deps;
    this.request = deps.rate.listener((request, response) => this.#answer(request, response), isChallenge);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    // A body that follows is not read.
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

/** Not counted in `request-rate`: an authority that gets 503 would renew no certificate. */
function isChallenge(target: string): boolean {
  return target.startsWith(acmePath);
}
