import type { Socket } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { Registry } from 'prom-client';
import type { LogState } from '../persistence/log/update-log.ts';
import { Gate } from './auth/gate.ts';
import type { Auth } from './auth/open-auth.ts';
import { checkOrigin } from './auth/origin-check.ts';
import { RefusalDelay } from './auth/refusal-delay.ts';
import { tokenOf } from './auth/token-source.ts';
import type { Acme } from './acme/acme.ts';
import { registerAcmeMetrics, registerCertificateMetrics } from './certificate-metrics.ts';
import type { Config } from './config.ts';
import { closeReason } from './errors.ts';
import { loadDemo } from './http/demo.ts';
import { serveDocuments } from './http/documents.ts';
import { createHttp } from './http/http.ts';
import { contains } from './ip-address.ts';
import type { Logger } from './logger.ts';
import { registerMetrics } from './metrics.ts';
import { Admission } from './net/admission.ts';
import type { ClientAuthority } from './net/client-authority.ts';
import { ClientAddresses } from './net/client-addresses.ts';
import { Connections } from './net/connections.ts';
import { decodeDocumentName } from './net/document-name.ts';
import { Listener } from './net/listener.ts';
import type { OpenSockets } from './net/open-sockets.ts';
import type { ServedCertificates } from './net/served-certificates.ts';
import { RedirectToTls } from './net/redirect-to-tls.ts';
import { NetStats } from './net/stats.ts';
import { Upgrade } from './net/upgrade.ts';
import type { SyncRequest } from './net/upgrade.ts';
import type { WsConnection } from './net/ws-connection.ts';
import type { ConnectionHandler } from './sync/connection.ts';
import type { StorageStats } from './storage-stats.ts';
import type { Storage } from './storage.ts';
import { Opens } from './sync/opens.ts';
import { OutboxMemory } from './sync/outbox-memory.ts';
import { Rooms } from './sync/rooms.ts';
import { SyncStats } from './sync/stats.ts';
import { Users } from './sync/users.ts';
import { YWebsocket } from './sync/y-websocket.ts';

export interface AppDeps {
  readonly config: Config;
  readonly logger: Logger;
  readonly auth: Auth;
  /** Open; the app closes it in the end. */
  readonly storage: Storage;
  /** What that storage counts. */
  readonly storageStats: StorageStats;
  readonly openSockets: OpenSockets;
  /** Null for a server without TLS. */
  readonly certificates: ServedCertificates | null;
  /** Whoever obtains them; null if they come from elsewhere. */
  readonly acme: Acme | null;
  /** Whose certificates clients may show; null if they need show none. */
  readonly clientAuthority: ClientAuthority | null;
}

/** Where a listener is to be found. */
export interface Address {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

/** Not everything could be ended in order before the deadline. What was acknowledged is on disk all the same. */
export class ShutdownError extends Error {
  override readonly name = 'ShutdownError';
}

/** A client that answers at all does so within a round trip or two. */
const closeTimeoutMs = 3_000;

/** How often grants are looked at: how late one may end, and how long a revocation may take. */
const gateSweepMs = 1_000;

/** The whole server: puts the parts together, and takes them apart in order. */
export class App {
  readonly addresses: Address[] = [];
  /** Where plain HTTP is redirected to TLS; null if nowhere. */
  redirectPort: number | null = null;
  readonly #deps: AppDeps;
  readonly #net = new NetStats();
  readonly #sync = new SyncStats();
  readonly #outboxMemory: OutboxMemory;
  readonly #rooms: Rooms;
  readonly #gate: Gate;
  readonly #gateSweeper: NodeJS.Timeout;
  readonly #yWebsocket: YWebsocket;
  readonly #addresses: ClientAddresses;
  readonly #admission: Admission;
  readonly #connections: Connections;
  readonly #upgrade: Upgrade;
  readonly #listeners: Listener[] = [];
  #closing: Promise<void> | null = null;

  /** Resolves when it listens. Rejects with ListenError; the storage is closed then. */
  static async start(deps: AppDeps): Promise<App> {
    const app = new App(deps);
    try {
      await app.#listen();
      return app;
    } catch (error) {
      await app.close();
      throw error;
    }
  }

  private constructor(deps: AppDeps) {
    const { config, logger, storage } = deps;
    const { handshakeTimeoutMs, limits } = config;
    const { maxMessageBytes } = limits;
    this.#deps = deps;
    this.#outboxMemory = new OutboxMemory(limits.maxOutboxMemoryBytes);
    this.#rooms = new Rooms({
      log: storage.log,
      offload: storage.offload,
      stats: this.#sync,
      idleRoomTimeoutMs: config.idleRoomTimeoutMs,
      limits,
      roomFailed: (docId, err) => logger.error({ docId, err }, 'room ended'),
      now: Date.now,
    });
    this.#gate = new Gate({
      ...deps.auth,
      delay: new RefusalDelay(),
      logger,
      now: Date.now,
      wait,
      grantees: () => this.#rooms.sessions(),
    });
    this.#gateSweeper = setInterval(() => this.#sweep(), gateSweepMs).unref();
    this.#yWebsocket = new YWebsocket({
      rooms: this.#rooms,
      offload: storage.offload,
      stats: this.#sync,
      outboxMemory: this.#outboxMemory,
      users: new Users(limits.maxConnectionsPerUser),
      opens: new Opens({ rate: limits.openRatePerAddress, now: () => performance.now(), wait }),
      limits: {
        ...limits,
        // What a slow reader may be behind before it is better off with a fresh sync.
        maxOutboxBytes: maxMessageBytes,
        // One message, and what one read from the socket may bring along after it.
        maxQueuedBytes: maxMessageBytes + 64 * 1024,
      },
      refused: (connection, docId, refusal) => {
        const fields = { connectionId: connection.id, docId, error: refusal.code, reason: refusal.message };
        if (refusal.code === 'internal') logger.error({ ...fields, err: refusal.cause }, 'session failed');
        else logger.info(fields, 'session ended');
      },
    });
    let warned = false;
    this.#addresses = new ClientAddresses(config.trustedProxies, (peer) => {
      if (warned) return;
      warned = true;
      logger.warn(
        { peer },
        'X-Forwarded-For is not believed: if this is a proxy of yours, name it in --trusted-proxies',
      );
    });
    this.#admission = new Admission({ limits, stats: this.#net, now: () => performance.now() });
    const admission = this.#admission;
    this.#connections = new Connections({ logger, stats: this.#net, admission, handshakeTimeoutMs });
    this.#upgrade = new Upgrade({
      connections: this.#connections,
      addresses: this.#addresses,
      admission,
      logger,
      stats: this.#net,
      checks: [({ headers }) => checkOrigin(config.origins, headers.origin, headers.host)],
      accept: (connection, request) => this.#accept(connection, request),
      limits: { maxMessageBytes, handshakeTimeoutMs, closeTimeoutMs },
    });
  }

  async #listen(): Promise<void> {
    const { config, logger, certificates, acme, clientAuthority } = this.#deps;
    const registry = new Registry();
    const logState = (): LogState => this.#deps.storage.log.state;
    registerMetrics(registry, {
      auth: this.#deps.auth.stats,
      net: this.#net,
      sync: this.#sync,
      storage: this.#deps.storageStats,
      connections: () => this.#connections.size,
      rooms: () => this.#rooms.size,
      roomMemoryBytes: () => this.#rooms.memoryBytes,
      outboxMemoryBytes: () => this.#outboxMemory.bytes,
      sessions: () => this.#rooms.peers,
      logState,
    });
    if (certificates !== null) registerCertificateMetrics(registry, certificates);
    if (acme !== null) registerAcmeMetrics(registry, acme.stats);
    const http = createHttp({
      logger,
      registry,
      certificates: () => certificates?.reports ?? [],
      logState,
      mayReadMetrics: (request) => {
        const { metricsAllowed } = config;
        return metricsAllowed === null || contains(metricsAllowed, this.#addresses.of(request));
      },
      demo: await loadDemo(),
      isStopping: () => this.#closing !== null,
      strictTransport: config.hsts,
    });
    serveDocuments(http, {
      logger,
      stats: this.#sync,
      checkOrigin: ({ headers }) => checkOrigin(config.origins, headers.origin, headers.host),
      documentNameOf: decodeDocumentName,
      admitAdmin: (request, docId) => this.#admitAdmin(request, docId),
      deleteDocument: (docId) => this.#rooms.delete(docId),
    });
    const answer = getRequestListener(http.fetch, { overrideGlobalObjects: false });
    const listenerDeps = {
      requests: (...request: Parameters<typeof answer>) => void answer(...request),
      upgrade: this.#upgrade,
      openSockets: this.#deps.openSockets,
      stats: this.#net,
      handshakeTimeoutMs: config.handshakeTimeoutMs,
      admits: (socket: Socket) => this.#admission.allowsHandshake(this.#addresses.blockOfPeer(socket)),
      challenges: acme?.answers ?? null,
      clientAuthority,
    };
    const listen = async (port: number, secure: ServedCertificates | null): Promise<void> => {
      const listener = new Listener(listenerDeps, secure?.current ?? null);
      secure?.onChange((current) => listener.useCertificates(current));
      clientAuthority?.onChange((pem) => listener.useCertificates(secure?.current ?? [], pem));
      const address = { secure: secure !== null, host: config.host, port: await listener.listen(config.host, port) };
      this.#listeners.push(listener);
      this.addresses.push(address);
    };
    if (config.plainPort !== null) await listen(config.plainPort, null);
    await listen(config.port, certificates);
    certificates?.start();
    if (config.httpPort !== null) await this.#redirect(config.httpPort);
    acme?.start(() => certificates?.reload());
  }

  /** Sends whoever comes over plain HTTP to the port with TLS. */
  async #redirect(port: number): Promise<void> {
    const { config, acme, openSockets } = this.#deps;
    const securePort = (): number => this.addresses.find(({ secure }) => secure)?.port ?? config.port;
    const redirect = new RedirectToTls(securePort, acme?.answers);
    const listener = new Listener(
      {
        requests: redirect.request,
        upgrade: redirect,
        openSockets,
        stats: this.#net,
        handshakeTimeoutMs: config.handshakeTimeoutMs,
      },
      null,
    );
    this.redirectPort = await listener.listen(config.host, port);
    this.#listeners.push(listener);
  }

  /** Ends grants that are over, and looks at the files that say who may come in. */
  #sweep(): void {
    this.#deps.clientAuthority?.reload();
    this.#gate.sweep();
  }

  #accept(connection: WsConnection, request: SyncRequest): ConnectionHandler {
    const { docName: docId, headers, params, address, block } = request;
    const identity = this.#deps.clientAuthority === null ? null : request.clientCertificate;
    const attempt = { docId, token: tokenOf(headers, params), origin: headers.origin ?? null, address, identity };
    return this.#yWebsocket.accept(connection, { docId, block, authorize: () => this.#gate.admit(attempt) });
  }

  /** The token may not stand in the address: nobody writes it into a log by mistake. */
  async #admitAdmin(request: IncomingMessage, docId: string): Promise<string> {
    const { headers } = request;
    const address = this.#addresses.of(request);
    const token = tokenOf(headers, new URLSearchParams());
    return (await this.#gate.admitAdmin({ docId, token, origin: headers.origin ?? null, address })).userId;
  }

  /**
   * Stops accepting, ends sessions (1012: come back), drains rooms, closes the log. Concurrent calls share one promise.
   * Rejects with ShutdownError if that is not done within the deadline.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { storage, config } = this.#deps;
    const endMs = performance.now() + config.shutdownTimeoutMs;
    const step = (name: string, done: Promise<unknown>): Promise<void> =>
      before(endMs, done, `${name} took too long; --shutdown-timeout is ${config.shutdownTimeoutMs} ms`);

    this.#upgrade.stop();
    this.#deps.acme?.close();
    this.#deps.certificates?.close();
    clearInterval(this.#gateSweeper);
    // Half for people on slow lines, half for the disk.
    const netMs = config.shutdownTimeoutMs / 2;
    const closed = Promise.all(this.#listeners.map((listener) => listener.close(netMs)));
    await this.#connections.end(closeReason('shutting-down'), netMs);
    await step('Draining the rooms', this.#rooms.close());
    await step('Closing the log', storage.close());
    await step('Closing the ports', closed);
  }
}

function wait(delayMs: number): Promise<void> {
  return pause(delayMs, undefined, { ref: false });
}

async function before(endMs: number, done: Promise<unknown>, sentence: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new ShutdownError(sentence)), Math.max(0, endMs - performance.now()));
  });
  try {
    await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}
