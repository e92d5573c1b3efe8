import type { Socket } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import type { LogState } from '../persistence/update-log.ts';
import { systemAfter, withDeadline } from './limits/after.ts';
import type { Auth } from './auth/open-auth.ts';
import { checkOrigin } from './auth/origin-check.ts';
import type { Acme } from './acme/acme.ts';
import { Collaboration } from './collaboration.ts';
import { registerAcmeMetrics, registerCertificateMetrics } from './metrics/certificates.ts';
import type { Config } from './config/config.ts';
import { closeReason } from './errors.ts';
import { loadDemo } from './http/demo.ts';
import { serveDocuments } from './http/documents.ts';
import { answerWithoutUrl, createHttp } from './http/http.ts';
import { HeldRefusals } from './limits/held-refusals.ts';
import { contains } from './limits/ip-address.ts';
import { fixedLimits } from './limits/limits.ts';
import type { Logger } from './logger.ts';
import { MetricRegistry } from './metrics/registry.ts';
import { registerMetrics } from './metrics/metrics.ts';
import { Admission } from './net/admission.ts';
import type { ClientAuthority } from './tls/client-authority.ts';
import { ClientAddresses } from './net/client-addresses.ts';
import { Connections } from './net/connections.ts';
import { decodeDocumentName } from './net/document-name.ts';
import { Listener } from './net/listener.ts';
import type { OpenSockets } from './net/open-sockets.ts';
import type { ServedCertificates } from './tls/served-certificates.ts';
import { RedirectToTls } from './net/redirect-to-tls.ts';
import { RequestInput } from './net/request-input.ts';
import { RequestRate } from './net/request-rate.ts';
import { increment, NetStats } from './net/stats.ts';
import { Upgrade } from './net/upgrade.ts';
import type { StorageStats } from './metrics/storage-stats.ts';
import type { Storage } from './storage.ts';

export interface AppDeps {
  readonly config: Config;
  readonly logger: Logger;
  readonly auth: Auth;
  /** Already open. The app closes it. */
  readonly storage: Storage;
  /** The counters of that storage. */
  readonly storageStats: StorageStats;
  readonly openSockets: OpenSockets;
  /** Null for a server without TLS. */
  readonly certificates: ServedCertificates | null;
  /** Obtains the certificates by ACME; null if they come from elsewhere. */
  readonly acme: Acme | null;
  /** The authorities whose client certificates are accepted; null if none are requested. */
  readonly clientAuthority: ClientAuthority | null;
  logLinesDropped(): number;
}

/** The address of a listener. */
export interface Address {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
}

/** The server could not stop in order before the deadline. All acknowledged edits are on disk nevertheless. */
export class ShutdownError extends Error {
  override readonly name = 'ShutdownError';
}

/** Time for the close handshake. A responsive client answers within a round trip or two. */
const closeTimeoutMs = 3_000;

/** The whole server. Creates the parts and connects them, and closes them in order. */
export class App {
  readonly addresses: Address[] = [];
  /** The port that redirects plain HTTP to TLS; null if there is none. */
  redirectPort: number | null = null;
  readonly #deps: AppDeps;
  readonly #net = new NetStats();
  readonly #collaboration: Collaboration;
  readonly #addresses: ClientAddresses;
  readonly #admission: Admission;
  readonly #held: HeldRefusals;
  readonly #connections: Connections;
  readonly #upgrade: Upgrade;
  readonly #input: RequestInput;
  readonly #listeners: Listener[] = [];
  #closing: Promise<void> | null = null;

  /** Resolves when the server listens. Rejects with ListenError after closing the storage. */
  static async start(deps: AppDeps): Promise<App> {
    const app = new App(deps);
    try {
      await app.#listen();
      return app;
    } catch (error) {
      // The caller gets the reason for the failed start, even if the parts that had started do not stop.
      await app.close().catch((err: unknown) => deps.logger.error({ err }, 'not stopped in order'));
      throw error;
    }
  }

  private constructor(deps: AppDeps) {
    const { config, logger } = deps;
    const { handshakeTimeoutMs, limits } = config;
    this.#deps = deps;
    let warned = false;
    this.#addresses = new ClientAddresses(config.trustedProxies, (peer) => {
      if (warned) return;
      warned = true;
      logger.warn(
        { peer },
        'X-Forwarded-For ignored; if it comes from your own proxy, name the proxy in --trusted-proxies',
      );
    });
    this.#held = new HeldRefusals(
      {
        max: Math.min(fixedLimits['held-refusals'].max, tenthOf(limits.maxConnections)),
        maxPerKey: Math.min(fixedLimits['held-refusals'].max, tenthOf(limits.maxConnectionsPerAddress)),
        reached: () => increment(this.#net.limitsReached, 'held-refusals'),
      },
      systemAfter,
    );
    this.#collaboration = new Collaboration({ ...deps, addresses: this.#addresses, held: this.#held });
    this.#admission = new Admission({ limits, stats: this.#net, now: () => performance.now() });
    const admission = this.#admission;
    const { maxPartialBytes } = limits;
    this.#connections = new Connections({
      logger,
      stats: this.#net,
      admission,
      held: this.#held,
      handshakeTimeoutMs,
      maxPartialBytes,
    });
    this.#input = new RequestInput({
      turn: this.#connections.turn,
      stats: this.#net,
      logger,
      maxUnreadBytes: limits.maxUnreadAnswerBytes,
    });
    this.#upgrade = new Upgrade({
      connections: this.#connections,
      addresses: this.#addresses,
      admission,
      logger,
      stats: this.#net,
      checks: [({ headers }) => checkOrigin(config.origins, headers.origin, headers.host)],
      accept: (connection, request) => this.#collaboration.accept(connection, request),
      limits: { maxMessageBytes: limits.maxMessageBytes, handshakeTimeoutMs, closeTimeoutMs },
    });
  }

  async #listen(): Promise<void> {
    this.#connections.start();
    this.#input.start();
    const { config, logger, certificates, acme, clientAuthority } = this.#deps;
    this.#collaboration.start();
    const registry = new MetricRegistry();
    const logState = (): LogState => this.#deps.storage.log.state;
    registerMetrics(registry, {
      ...this.#collaboration.metricSources,
      auth: this.#deps.auth.stats,
      net: this.#net,
      storage: this.#deps.storageStats,
      connections: () => this.#connections.size,
      waitingMessageBytes: () => this.#connections.waitingBytes,
      unreadAnswerBytes: () => this.#input.unreadBytes,
      waitingAccessChecks: () => this.#deps.auth.authenticator.waitingChecks,
      heldRefusals: () => this.#held.count,
      fileFailures: () =>
        new Map([
          ['auth-revocations', this.#deps.auth.revocations?.failures ?? 0],
          ['tls-client-ca', clientAuthority?.failures ?? 0],
        ]),
      logState,
      logLinesDropped: () => this.#deps.logLinesDropped(),
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
      demo: config.demo ? await loadDemo() : null,
      isStopping: () => this.#closing !== null,
      strictTransport: config.hsts,
    });
    serveDocuments(http, {
      logger,
      stats: this.#net,
      checkOrigin: ({ headers }) => checkOrigin(config.origins, headers.origin, headers.host),
      documentNameOf: decodeDocumentName,
      admitAdmin: (request, docId) => this.#collaboration.admitAdmin(request, docId),
      deleteDocument: (docId) => this.#collaboration.deleteDocument(docId),
    });
    const answer = getRequestListener(http.fetch, {
      overrideGlobalObjects: false,
      // The host name in the URL of a request without a Host header. No code reads it.
      hostname: 'localhost',
      errorHandler: (error) => answerWithoutUrl(error, { logger, stats: this.#net }),
    });
    const requestRate = new RequestRate({
      addresses: this.#addresses,
      ratePerAddress: config.limits.requestRatePerAddress,
      rate: config.limits.requestRate,
      logger,
      stats: this.#net,
      now: () => performance.now(),
    });
    const listenerDeps = {
      requests: requestRate.listener((...request) => void answer(...request)),
      upgrade: this.#upgrade,
      input: this.#input,
      logger,
      openSockets: this.#deps.openSockets,
      stats: this.#net,
      handshakeTimeoutMs: config.handshakeTimeoutMs,
      admits: (socket: Socket) => this.#admission.allowsHandshake(this.#addresses.keyOfPeer(socket)),
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
    if (config.httpPort !== null) await this.#redirect(config.httpPort, requestRate);
    acme?.start(() => certificates?.reload());
  }

  /** Redirects clients that use plain HTTP to the port with TLS. */
  async #redirect(port: number, rate: RequestRate): Promise<void> {
    const { config, logger, acme, openSockets } = this.#deps;
    const securePort = (): number => this.addresses.find(({ secure }) => secure)?.port ?? config.port;
    const redirect = new RedirectToTls({ securePort, rate, challenges: acme?.answers ?? null });
    const listener = new Listener(
      {
        requests: redirect.request,
        upgrade: redirect,
        input: this.#input,
        logger,
        openSockets,
        stats: this.#net,
        handshakeTimeoutMs: config.handshakeTimeoutMs,
      },
      null,
    );
    this.redirectPort = await listener.listen(config.host, port);
    this.#listeners.push(listener);
  }

  /** Reads certificates, client authorities and the revocation list again, without waiting for the next poll. */
  reload(): void {
    this.#deps.certificates?.reload();
    this.#deps.clientAuthority?.reload();
    this.#deps.auth.revocations?.reload();
  }

  /**
   * Stops accepting, ends sessions with 1012 (the client may reconnect), drains rooms, and closes the log. Concurrent
   * calls share one promise. Rejects with ShutdownError after the deadline.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const { storage, config } = this.#deps;
    const endMs = performance.now() + config.shutdownTimeoutMs;
    const step = (name: string, done: Promise<unknown>): Promise<unknown> =>
      withDeadline(Math.max(0, endMs - performance.now()), done, () => {
        throw new ShutdownError(`${name} took too long; --shutdown-timeout is ${config.shutdownTimeoutMs} ms`);
      });

    this.#upgrade.stop();
    this.#deps.acme?.stop();
    this.#deps.certificates?.stop();
    this.#collaboration.stop();
    // Half of the time for clients on slow lines, half for the disk.
    const netMs = config.shutdownTimeoutMs / 2;
    const closed = Promise.all(this.#listeners.map((listener) => listener.close(netMs)));
    await this.#connections.close(closeReason('shutting-down'), netMs);
    this.#input.stop();
    await step('Draining the rooms', this.#collaboration.close());
    await step('Closing the log', storage.close());
    await step('Closing the ports', closed);
  }
}

function tenthOf(count: number): number {
  return Math.max(1, Math.floor(count / 10));
}
