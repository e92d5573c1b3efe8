import { getRequestListener } from '@hono/node-server';
import { Registry } from 'prom-client';
import type { LogState } from '../persistence/log/update-log.ts';
import type { Config } from './config.ts';
import { closeReason } from './errors.ts';
import { loadDemo } from './http/demo.ts';
import { createHttp } from './http/http.ts';
import type { Logger } from './logger.ts';
import { registerMetrics } from './metrics.ts';
import { Connections } from './net/connections.ts';
import { Listener } from './net/listener.ts';
import type { Credentials } from './net/listener.ts';
import { NetStats } from './net/stats.ts';
import { Upgrade } from './net/upgrade.ts';
import type { SyncRequest } from './net/upgrade.ts';
import type { WsConnection } from './net/ws-connection.ts';
import type { ConnectionHandler } from './sync/connection.ts';
import type { StorageStats } from './storage-stats.ts';
import type { Storage } from './storage.ts';
import { Rooms } from './sync/rooms.ts';
import { SyncStats } from './sync/stats.ts';
import { YWebsocket } from './sync/y-websocket.ts';

export interface AppDeps {
  readonly config: Config;
  readonly logger: Logger;
  /** Open; the app closes it in the end. */
  readonly storage: Storage;
  /** What that storage counts. */
  readonly storageStats: StorageStats;
  /** Null for a server without TLS. */
  readonly credentials: Credentials | null;
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

/** The whole server: puts the parts together, and takes them apart in order. */
export class App {
  readonly addresses: Address[] = [];
  readonly #deps: AppDeps;
  readonly #net = new NetStats();
  readonly #sync = new SyncStats();
  readonly #rooms: Rooms;
  readonly #yWebsocket: YWebsocket;
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
    const { handshakeTimeoutMs, maxConnections, maxMessageBytes } = config;
    this.#deps = deps;
    this.#rooms = new Rooms({
      log: storage.log,
      offload: storage.offload,
      stats: this.#sync,
      idleRoomTimeoutMs: config.idleRoomTimeoutMs,
      roomFailed: (docId, err) => logger.error({ docId, err }, 'room ended'),
      now: Date.now,
    });
    this.#yWebsocket = new YWebsocket({
      rooms: this.#rooms,
      offload: storage.offload,
      stats: this.#sync,
      limits: {
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
    this.#connections = new Connections({ logger, stats: this.#net, handshakeTimeoutMs });
    this.#upgrade = new Upgrade({
      connections: this.#connections,
      logger,
      stats: this.#net,
      checks: [],
      accept: (connection, request) => this.#accept(connection, request),
      limits: { maxConnections, maxMessageBytes, handshakeTimeoutMs, closeTimeoutMs },
    });
  }

  async #listen(): Promise<void> {
    const { config, logger, credentials } = this.#deps;
    const registry = new Registry();
    const logState = (): LogState => this.#deps.storage.log.state;
    registerMetrics(registry, {
      net: this.#net,
      sync: this.#sync,
      storage: this.#deps.storageStats,
      connections: () => this.#connections.size,
      rooms: () => this.#rooms.size,
      sessions: () => this.#rooms.peers,
      logState,
    });
    const http = createHttp({
      logger,
      registry,
      logState,
      demo: await loadDemo(),
      isStopping: () => this.#closing !== null,
    });
    const answer = getRequestListener(http.fetch, { overrideGlobalObjects: false });
    const listenerDeps = {
      requests: (...request: Parameters<typeof answer>) => void answer(...request),
      upgrade: this.#upgrade,
      stats: this.#net,
      handshakeTimeoutMs: config.handshakeTimeoutMs,
    };
    const listen = async (port: number, secure: Credentials | null): Promise<void> => {
      const listener = new Listener(listenerDeps, secure);
      const address = { secure: secure !== null, host: config.host, port: await listener.listen(config.host, port) };
      this.#listeners.push(listener);
      this.addresses.push(address);
    };
    if (config.plainPort !== null) await listen(config.plainPort, null);
    await listen(config.port, credentials);
  }

  #accept(connection: WsConnection, { docName }: SyncRequest): ConnectionHandler {
    return this.#yWebsocket.accept(connection, {
      docId: docName,
      authorize: () =>
        Promise.resolve({ userId: '', name: null, docId: docName, access: 'write', untilMs: null } as const),
    });
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
    // Half for people on slow lines, half for the disk.
    const netMs = config.shutdownTimeoutMs / 2;
    const closed = Promise.all(this.#listeners.map((listener) => listener.close(netMs)));
    await this.#connections.end(closeReason('shutting-down'), netMs);
    await step('Draining the rooms', this.#rooms.close());
    await step('Closing the log', storage.close());
    await step('Closing the ports', closed);
  }
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
