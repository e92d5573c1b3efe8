import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import type { Server, ServerOptions } from 'ws';
import { RefusedError, toRefusal } from '../errors.ts';
import { withDeadline } from '../limits/after.ts';
import type { Logger } from '../logger.ts';
import type { ConnectionHandler } from '../sync/connection.ts';
import type { Admission } from './admission.ts';
import type { ClientAddresses } from './client-addresses.ts';
import { clientCertificateOf } from '../tls/client-certificate.ts';
import type { ClientCertificate } from '../tls/client-certificate.ts';
import type { Connections } from './connections.ts';
import { corkUntilSettled } from './cork.ts';
import { decodeDocumentName } from './document-name.ts';
import { OwnedWebSocket } from './owned-web-socket.ts';
import { refuseSocket } from './refusals.ts';
import { increment } from './stats.ts';
import type { NetStats } from './stats.ts';
import { tokenMarker } from './token-source.ts';
import type { WsConnection } from './ws-connection.ts';

/** The request of a client that opens a WebSocket. Do not keep it, because it holds all headers. */
export interface SyncRequest {
  readonly docName: string;
  readonly params: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** The address of the client: that of the socket, or the one that a trusted proxy forwards. */
  readonly address: string;
  /** The key of the address in limits; null for an address without limits. */
  readonly addressKey: string | null;
  /** Read on access, because most servers do not use client certificates. */
  readonly clientCertificate: ClientCertificate | null;
  /** The client is connected by TLS that this server terminates. */
  readonly secure: boolean;
}

/** Checks a request before the upgrade. Throws or rejects with RefusedError, which becomes the HTTP response. */
export type UpgradeCheck = (request: SyncRequest) => void | Promise<void>;

/** Creates the handler of a new connection. Throws RefusedError to close the connection with a reason. */
export type Accept = (connection: WsConnection, request: SyncRequest) => ConnectionHandler;

export interface UpgradeDeps {
  readonly connections: Connections;
  readonly addresses: ClientAddresses;
  readonly admission: Admission;
  readonly logger: Logger;
  readonly stats: NetStats;
  /** Called in this order, until one refuses. */
  readonly checks: readonly UpgradeCheck[];
  readonly accept: Accept;
  readonly limits: UpgradeLimits;
}

export interface UpgradeLimits {
  readonly maxMessageBytes: number;
  /** How long the checks may take. */
  readonly handshakeTimeoutMs: number;
  /** How long a peer may take to answer a close frame before its socket is destroyed. */
  readonly closeTimeoutMs: number;
}

const syncPath = '/sync/';
const version = '13';

/** Handles the `upgrade` event. A WebSocket at `/sync/<document>` becomes a connection. Other requests are refused. */
export class Upgrade {
  readonly #deps: UpgradeDeps;
  readonly #webSockets: Server<typeof OwnedWebSocket>;
  #stopped = false;

  constructor(deps: UpgradeDeps) {
    this.#deps = deps;
    // @types/ws does not know closeTimeout yet.
    const options: ServerOptions<typeof OwnedWebSocket> & { closeTimeout: number } = {
      noServer: true,
      clientTracking: false,
      // Compression takes 286 KB per connection instead of 46.
      perMessageDeflate: false,
      // The connection answers pings, without a closure.
      autoPong: false,
      maxPayload: deps.limits.maxMessageBytes,
      closeTimeout: deps.limits.closeTimeoutMs,
      WebSocket: OwnedWebSocket,
      handleProtocols: (offered) => (offered.has(tokenMarker) ? tokenMarker : [...offered][0]!),
    };
    this.#webSockets = new WebSocketServer(options);
    this.#webSockets.on('wsClientError', (error, socket) => {
      this.#refuse(socket, new RefusedError('bad-upgrade', error.message));
    });
  }

  /** Refuses all further upgrades. */
  stop(): void {
    this.#stopped = true;
  }

  /** The listener of `upgrade`. Never throws. An upgrade waits until a turn has time for it. */
  readonly handle = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const { turn } = this.#deps.connections;
    turn.begin();
    if (!turn.isFull) {
      this.#handleNow(request, socket, head);
      turn.end();
      return;
    }
    socket.on('error', destroy);
    turn.hold({
      release: () => {
        socket.removeListener('error', destroy);
        if (socket.destroyed) return;
        this.#handleNow(request, socket, head);
        turn.end();
      },
    });
  };

  #handleNow(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    let syncRequest: SyncRequest;
    let waiting: Promise<void> | null;
    try {
      syncRequest = this.#read(request);
      waiting = this.#check(syncRequest);
    } catch (error) {
      this.#refuse(socket, toRefusal(error));
      return;
    }
    if (waiting === null) this.#upgrade(request, socket, head, syncRequest);
    else void this.#upgradeAfter(waiting, request, socket, head, syncRequest);
  }

  /**
   * Runs the checks. Returns null if none has to wait, which is the usual case and needs no deadline and no listener.
   * Throws or rejects with RefusedError.
   */
  #check(syncRequest: SyncRequest): Promise<void> | null {
    const { checks, admission } = this.#deps;
    const heldMs = admission.heldMs(syncRequest.addressKey);
    if (heldMs > 0) return runChecks(pause(heldMs, undefined, { ref: false }), checks, syncRequest);
    for (const [index, check] of checks.entries()) {
      const checked = check(syncRequest);
      if (checked !== undefined) return runChecks(checked, checks.slice(index + 1), syncRequest);
    }
    return null;
  }

  #read(request: IncomingMessage): SyncRequest {
    const { addresses, admission } = this.#deps;
    const address = addresses.of(request);
    const addressKey = addresses.keyOf(address);
    this.#checkPlace(addressKey);
    admission.attempt(addressKey);
    const target = request.url ?? '';
    const question = target.indexOf('?');
    const path = question === -1 ? target : target.slice(0, question);
    if (!path.startsWith(syncPath))
      throw new RefusedError('not-found', `WebSockets are served at ${syncPath}<document>`);
    if (request.httpVersion === '1.0') throw new RefusedError('bad-upgrade', 'HTTP/1.1 is required');
    if (request.headers.host === undefined) throw new RefusedError('bad-upgrade', 'a Host header is required');
    // `ws` also accepts version 8, which sends its origin in another header than the one that is checked.
    if (request.headers['sec-websocket-version'] !== version) throw new RefusedError('upgrade-version');
    return {
      docName: decodeDocumentName(path.slice(syncPath.length)),
      params: new URLSearchParams(question === -1 ? '' : target.slice(question)),
      headers: request.headers,
      address,
      addressKey,
      get clientCertificate() {
        return clientCertificateOf(request.socket);
      },
      secure: 'encrypted' in request.socket,
    };
  }

  #checkPlace(addressKey: string | null): void {
    if (this.#stopped) throw new RefusedError('shutting-down');
    this.#deps.admission.check(addressKey);
  }

  async #upgradeAfter(
    checked: Promise<void>,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    syncRequest: SyncRequest,
  ): Promise<void> {
    socket.on('error', destroy);
    try {
      await withDeadline(this.#deps.limits.handshakeTimeoutMs, checked, () => {
        throw new RefusedError('not-live');
      });
      // During the checks, the server may have begun to stop, or the last place may have been taken.
      this.#checkPlace(syncRequest.addressKey);
    } catch (error) {
      this.#refuse(socket, toRefusal(error));
      return;
    }
    socket.removeListener('error', destroy);
    this.#upgrade(request, socket, head, syncRequest);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, syncRequest: SyncRequest): void {
    // The first messages of a session in an open document are sent together with the response to the upgrade.
    corkUntilSettled(socket);
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      // The sockets of an HTTP server are net.Socket, or TLSSocket, which extends it.
      const connection = this.#deps.connections.add(
        webSocket,
        socket as Socket,
        syncRequest.addressKey,
        syncRequest.docName,
      );
      try {
        connection.attach(this.#deps.accept(connection, syncRequest));
      } catch (error) {
        connection.refuse(toRefusal(error));
      }
    });
  }

  #refuse(socket: Duplex, refusal: RefusedError): void {
    socket.on('error', destroy);
    increment(this.#deps.stats.upgradesRefused, refusal.code);
    if (refusal.limit !== null) increment(this.#deps.stats.limitsReached, refusal.limit);
    if (refusal.code === 'internal') this.#deps.logger.error({ err: refusal.cause }, 'upgrade check failed');
    else {
      const { code: error, message: reason, limit } = refusal;
      this.#deps.logger.info({ error, reason, ...(limit === null ? {} : { limit }) }, 'upgrade refused');
    }
    const isOld = refusal.code === 'upgrade-version';
    refuseSocket(socket, refusal, isOld ? ['Upgrade: websocket', `Sec-WebSocket-Version: ${version}`] : []);
  }
}

async function runChecks(first: Promise<void>, rest: readonly UpgradeCheck[], request: SyncRequest): Promise<void> {
  await first;
  for (const check of rest) await check(request);
}

function destroy(this: Duplex): void {
  this.destroy();
}
