import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { ChallengeAnswers } from './challenge-answers.ts';
import { endUnlessHungUp, lingerMs } from './refuse-upgrade.ts';

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

/** Answers every request, and every upgrade, on the plain port of a server that speaks TLS on another. */
export class RedirectToTls {
  readonly #securePort: () => number;
  readonly #challenges: ChallengeAnswers | null;

  /** `challenges` holds what the authority that renews the certificates looks for here; null if somebody else does. */
  constructor(securePort: () => number, challenges: ChallengeAnswers | null = null) {
    this.#securePort = securePort;
    this.#challenges = challenges;
  }

  readonly request = (request: IncomingMessage, response: ServerResponse): void => {
    // The body that may follow is not ours to read.
    response.setHeader('Connection', 'close');
    const answer = this.#challenges?.http(request.url ?? '') ?? null;
    if (answer !== null) {
      response.writeHead(200, { 'Content-Type': 'application/octet-stream' }).end(answer);
      return;
    }
    const location = secureLocation(request, this.#securePort());
    if (location === null) response.writeHead(400);
    else response.writeHead(308, { Location: location });
    response.end();
  };

  readonly handle = (request: IncomingMessage, socket: Duplex): void => {
    socket.on('error', () => socket.destroy());
    const location = secureLocation(request, this.#securePort());
    const head =
      location === null ? 'HTTP/1.1 400 Bad Request' : `HTTP/1.1 308 Permanent Redirect\r\nLocation: ${location}`;
    socket.end(`${head}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    endUnlessHungUp(socket, lingerMs);
  };
}
