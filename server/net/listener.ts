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
  /** Answers the requests that are not upgrades. */
  readonly requests: RequestListener;
  readonly upgrade: Pick<Upgrade, 'handle'>;
  /** Reads the requests. Shared by all listeners. */
  readonly input: RequestInput;
  readonly stats: NetStats;
  readonly logger: Logger;
  /** How long the TLS handshake may take, and after it the header of a request. */
  readonly handshakeTimeoutMs: number;
  /** Bounds the sockets of all listeners, so that file descriptors remain for the database. Default: no bound. */
  readonly openSockets?: OpenSockets;
  /** Whether a TLS handshake with this socket may begin. Default: always. */
  readonly admits?: (socket: Socket) => boolean;
  /** Answers the challenges of an ACME authority; null if certificates do not come by ACME. */
  readonly challenges?: ChallengeAnswers | null;
  /** The authorities of client certificates; null to request none. */
  readonly clientAuthority?: ClientAuthority | null;
}

const httpProtocol = 'http/1.1';

/**
 * Connections that may wait to be accepted: the default of Linux (net.core.somaxconn). After a restart all clients
 * reconnect at once. Beyond Node's default of 511, a client retries after one second, then two, then four.
 */
const maxBacklog = 4096;

/**
 * The server cannot listen on the address. The message is meant for the operator; `cause` is the error of the system.
 */
export class ListenError extends Error {
  override readonly name = 'ListenError';
}

/** A listening port, plain or TLS. */
export class Listener {
  readonly #server: Server;
  readonly #deps: ListenerDeps;
  readonly #contexts: TlsContexts | null;
  /**
   * The sockets below TLS, because Node's server does not know those that are still in the handshake. Plain sockets are
   * not in this set: Node's server knows those that speak HTTP, and `Connections` those that were upgraded.
   */
  readonly #sockets = new Set<Socket>();
  readonly #forget = removerFrom(this.#sockets);

  /** Speaks TLS if there are `certificates`. The first is served to clients that ask for no name or an unknown one. */
  constructor(deps: ListenerDeps, certificates: readonly Credentials[] | null) {
    const { clientAuthority = null } = deps;
    this.#deps = deps;
    this.#contexts = certificates === null ? null : new TlsContexts(certificates, clientAuthority?.pem);
    const options: ServerOptions<typeof UpgradableRequest> = {
      IncomingMessage: UpgradableRequest,
      // `RequestInput` refuses a request without a Host header, with a reason.
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
              // A client without a valid certificate is refused when it opens a document, because a failed handshake
              // carries no reason.
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
    // An ACME authority has seen its certificate when the handshake is complete.
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
      this.#server.listen({ port, host, backlog: maxBacklog }, () => {
        this.#server.removeAllListeners('error');
        // From now on only accepting can fail, for example for lack of file descriptors.
        this.#server.on('error', () => this.#deps.stats.acceptsFailed++);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /**
   * Uses these certificates for new handshakes, and checks client certificates against `clientCa`. Open connections are
   * not affected, and clients can still resume TLS sessions. Throws and changes nothing if one of them cannot be used.
   */
  useCertificates(certificates: readonly Credentials[], clientCa?: string): void {
    if (this.#contexts === null || !(this.#server instanceof TlsServer)) return;
    this.#contexts.replace(certificates, clientCa);
    this.#server.setSecureContext(this.#contexts.defaultOptions);
  }

  /**
   * Accepts no new connections, and cuts off those that are open after `deadlineMs`. Resolves when none is open. May be
   * called twice.
   */
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

/** Creates one listener for all sockets, instead of one closure per socket. */
function removerFrom(sockets: Set<Socket>) {
  return function (this: Socket): void {
    sockets.delete(this);
  };
}

/**
 * The `ALPNCallback` of a server: serves an ACME authority the certificate that it asks for, and speaks HTTP with all
 * other clients. SNI alone does not tell the two apart, so for a moment all clients would get that certificate.
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
    EADDRINUSE: `Port ${port} on ${host} is in use by another program: stop that program or choose another port.`,
    EACCES: `This user may not listen on port ${port}: choose a port above 1023.`,
    EADDRNOTAVAIL: `${host} is not an address of this machine: choose an address of this machine, or 0.0.0.0 for all.`,
    ENOTFOUND: `The host ${host} is not known: choose an address of this machine.`,
  };
  const sentence = sentences[error.code ?? ''] ?? `Cannot listen on ${host}, port ${port}: ${error.message}`;
  return new ListenError(sentence, { cause: error });
}
