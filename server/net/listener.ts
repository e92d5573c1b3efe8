import { createServer as createHttpServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerOptions } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Server as TlsServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { RefusedError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import type { Credentials } from '../tls/certificate.ts';
import { acmeProtocol } from '../tls/challenge-answers.ts';
import type { ChallengeAnswers } from '../tls/challenge-answers.ts';
import type { ClientAuthority } from '../tls/client-authority.ts';
import type { OpenSockets } from './open-sockets.ts';
import { refuseSocket, refuseUnreadable } from './refusals.ts';
import { countHosts, twoHosts } from './request-input.ts';
import type { RequestInput } from './request-input.ts';
import { increment } from './stats.ts';
import type { NetStats } from './stats.ts';
import { TlsContexts } from '../tls/tls-contexts.ts';
import { answerPlainHttp } from './plain-http.ts';
import { UpgradableRequest } from './upgradable-request.ts';
import type { Upgrade } from './upgrade.ts';

export interface ListenerDeps {
  /** Answers everything that is no upgrade. */
  readonly requests: RequestListener;
  readonly upgrade: Pick<Upgrade, 'handle'>;
  /** Reads the requests. Shared by all listeners. */
  readonly input: RequestInput;
  readonly stats: NetStats;
  readonly logger: Logger;
  /** How long the TLS handshake, and after it the header of a request, may take. */
  readonly handshakeTimeoutMs: number;
  /** Shared by all listeners, so that they leave files for the database; left out, there may be any number. */
  readonly openSockets?: OpenSockets;
  /** Whether a TLS handshake with this socket may begin; left out, it always may. */
  readonly admits?: (socket: Socket) => boolean;
  /** For the authority that renews the certificates; null if somebody else does. */
  readonly challenges?: ChallengeAnswers | null;
  /** Whose certificates clients may show; null to ask for none. */
  readonly clientAuthority?: ClientAuthority | null;
}

const httpProtocol = 'http/1.1';

/**
 * Connections that may wait to be accepted: what Linux allows unless told otherwise (net.core.somaxconn). After a restart
 * everybody comes back at once, and beyond Node's 511 a client tries again a second later, then two, then four.
 */
const BACKLOG = 4096;

/** The address cannot be listened on; the message is for people. `cause` is the error of the system. */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** One listening port, plain or TLS. */
export class Listener {
  readonly #server: Server;
  readonly #deps: ListenerDeps;
  readonly #contexts: TlsContexts | null;
  /**
   * What TLS runs over: the server itself does not know sockets that are still in the handshake. Plain sockets need nobody
   * here: the server knows those that speak HTTP, and the upgrade those that have left it.
   */
  readonly #sockets = new Set<Socket>();
  readonly #forget = removerFrom(this.#sockets);

  /** With `certificates` it speaks TLS; the first is for clients that ask for no name, or for an unknown one. */
  constructor(deps: ListenerDeps, certificates: readonly Credentials[] | null) {
    const { clientAuthority = null } = deps;
    this.#deps = deps;
    this.#contexts = certificates === null ? null : new TlsContexts(certificates, clientAuthority?.pem);
    const options: ServerOptions<typeof UpgradableRequest> = {
      IncomingMessage: UpgradableRequest,
      // `RequestInput` answers such a request, with a reason.
      requireHostHeader: false,
      headersTimeout: deps.handshakeTimeoutMs,
      // A body may take longer than a header.
      requestTimeout: deps.handshakeTimeoutMs * 3,
      connectionsCheckingInterval: Math.min(250, deps.handshakeTimeoutMs),
    };
    const requests = deps.input.listener(deps.requests);
    this.#server =
      this.#contexts === null
        ? createHttpServer(options, requests)
        : createHttpsServer(
            {
              ...options,
              ...this.#contexts.defaultOptions,
              SNICallback: this.#contexts.select,
              // Who shows none, or a bad one, is told so when it opens a document: a failed handshake says nothing.
              requestCert: clientAuthority !== null,
              rejectUnauthorized: false,
              ...(deps.challenges
                ? { ALPNCallback: protocolSelector(deps.challenges) }
                : { ALPNProtocols: [httpProtocol] }),
              handshakeTimeout: deps.handshakeTimeoutMs,
            },
            requests,
          );
    this.#server.on('connection', (socket) => this.#receive(socket));
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      deps.input.detach(socket);
      // `Upgrade` refuses a request without a Host header.
      if (countHosts(request) <= 1) deps.upgrade.handle(request, socket, head);
      else this.#refuseTwoHosts(socket);
    });
    this.#server.on('clientError', (error, socket) => {
      deps.input.detach(socket);
      const refusal = refuseUnreadable(error, socket);
      if (refusal !== null) this.#countUnreadable(refusal, error.message);
    });
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      deps.stats.tlsHandshakesFailed++;
      const refusal = answerPlainHttp(error, socket);
      if (refusal !== null) this.#countUnreadable(refusal);
    });
    // The authority has seen all that it came for.
    this.#server.on('secureConnection', (socket: TLSSocket) => {
      if (socket.alpnProtocol === acmeProtocol) socket.end();
      deps.input.attach(socket);
    });
  }

  #refuseTwoHosts(socket: Duplex): void {
    const refusal = new RefusedError('bad-request', twoHosts);
    this.#countUnreadable(refusal);
    socket.on('error', () => socket.destroy());
    refuseSocket(socket, refusal);
  }

  #countUnreadable({ code, message }: RefusedError, err = message): void {
    increment(this.#deps.stats.requestsUnreadable, code);
    this.#deps.logger.info({ error: code, err }, 'request not readable');
  }

  #receive(socket: Socket): void {
    if (this.#deps.openSockets?.admits(socket) === false) {
      this.#deps.stats.acceptsFailed++;
      socket.destroy();
      return;
    }
    if (this.#contexts === null) {
      this.#deps.input.attach(socket);
      return;
    }
    if (this.#deps.admits?.(socket) === false) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on('close', this.#forget);
  }

  /** Resolves with the port, which matters if `port` was 0. Rejects with ListenError. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) => reject(explain(error, host, port)));
      this.#server.listen({ port, host, backlog: BACKLOG }, () => {
        this.#server.removeAllListeners('error');
        // After listening there is nothing that could fail but accepting: out of file descriptors, say.
        this.#server.on('error', () => this.#deps.stats.acceptsFailed++);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /**
   * New handshakes get these, and clients' certificates are checked against `clientCa`; connections stay as they are, and sessions can be resumed all the same. Throws if one
   * cannot be used; then nothing has changed.
   */
  useCertificates(certificates: readonly Credentials[], clientCa?: string): void {
    if (this.#contexts === null || !(this.#server instanceof TlsServer)) return;
    this.#contexts.replace(certificates, clientCa);
    this.#server.setSecureContext(this.#contexts.defaultOptions);
  }

  /** Takes no new connections. Resolves when the last one is gone; those that are left after `deadlineMs` are cut off. */
  async close(deadlineMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const deadline = setTimeout(() => {
      this.#server.closeAllConnections();
      for (const socket of this.#sockets) socket.destroy();
    }, deadlineMs);
    await closed;
    clearTimeout(deadline);
  }
}

/** One function for all sockets, not one for each. */
function removerFrom(sockets: Set<Socket>) {
  return function (this: Socket): void {
    sockets.delete(this);
  };
}

/**
 * The `ALPNCallback` of a server: shows the authority the certificate that it asks for, and speaks HTTP with everybody
 * else. By SNI alone the two could not be told apart, and everybody would meet that certificate for a moment.
 */
function protocolSelector(challenges: ChallengeAnswers) {
  return function (this: TLSSocket, hello: { servername: string; protocols: string[] }): string | undefined {
    const answer = challenges.tls(hello.servername, hello.protocols);
    if (answer !== null) {
      this.setKeyCert(answer);
      return acmeProtocol;
    }
    return hello.protocols.includes(httpProtocol) ? httpProtocol : undefined;
  };
}

function explain(error: NodeJS.ErrnoException, host: string, port: number): ListenError {
  const sentences: Record<string, string> = {
    EADDRINUSE: `Port ${port} on ${host} is in use by another program: stop that one or choose another port.`,
    EACCES: `Port ${port} may not be used by this user: choose one above 1023.`,
    EADDRNOTAVAIL: `${host} is not an address of this machine: choose one that is, or 0.0.0.0 for all.`,
    ENOTFOUND: `The host ${host} is not known: choose an address of this machine.`,
  };
  const sentence = sentences[error.code ?? ''] ?? `Cannot listen on ${host}, port ${port}: ${error.message}`;
  return new ListenError(sentence, { cause: error });
}
