import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect } from 'node:net';
import type { BlockList, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { pino } from 'pino';
import { systemAfter } from '../../server/limits/after.ts';
import type { After } from '../../server/limits/after.ts';
import { HeldRefusals } from '../../server/limits/held-refusals.ts';
import { Admission } from '../../server/net/admission.ts';
import type { AdmissionLimits } from '../../server/net/admission.ts';
import { ClientAddresses } from '../../server/net/client-addresses.ts';
import { Connections } from '../../server/net/connections.ts';
import { openDevCertificate } from '../../server/tls/dev-certificate.ts';
import { Listener } from '../../server/net/listener.ts';
import { NetStats, increment } from '../../server/net/stats.ts';
import { RequestInput } from '../../server/net/request-input.ts';
import { Upgrade } from '../../server/net/upgrade.ts';
import type { Accept, SyncRequest, UpgradeCheck, UpgradeLimits } from '../../server/net/upgrade.ts';
import type { WsConnection } from '../../server/net/ws-connection.ts';
import type { ConnectionHandler } from '../../server/sync/connection.ts';
import { guardMs, within } from './deadline.ts';
import type { Owner } from './owner.ts';

/** Records the calls of a connection. */
export class RecordingHandler implements ConnectionHandler {
  readonly connection: WsConnection;
  readonly messages: string[] = [];
  readonly closings: { readonly code: number; readonly reason: string }[] = [];
  drains = 0;
  queuedBytes = 0;
  readonly closedOnce: Promise<void>;
  /** Called for each message, before it is recorded. */
  onMessage: (data: Uint8Array) => void = () => {};
  #resolveClosed: () => void = () => {};
  #drained: () => void = () => {};

  constructor(connection: WsConnection) {
    this.connection = connection;
    this.closedOnce = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  message(data: Uint8Array): void {
    this.onMessage(data);
    this.messages.push(Buffer.from(data).toString());
  }

  drained(): void {
    this.drains++;
    this.#drained();
  }

  nextDrain(): Promise<void> {
    return new Promise((resolve) => {
      this.#drained = resolve;
    });
  }

  closed(code: number, reason: string): void {
    this.closings.push({ code, reason });
    this.#resolveClosed();
  }
}

export interface NetHarnessOptions {
  readonly tls?: boolean;
  readonly checks?: readonly UpgradeCheck[];
  readonly limits?: Partial<UpgradeLimits & AdmissionLimits>;
  readonly trustedProxies?: BlockList | null;
  readonly accept?: Accept;
  readonly handshakeTimeoutMs?: number;
  readonly maxPartialBytes?: number;
  readonly maxHeld?: number;
  /** For closes that are delayed. */
  readonly after?: After;
  readonly maxUnreadBytes?: number;
  /** Answers every HTTP request. Default: the text `http`. */
  readonly requests?: RequestListener;
}

/**
 * Above what a test uses. Time stands still for these limits, so a burst does not refill, and a long test uses much of
 * it.
 */
const noAdmissionLimits: AdmissionLimits = {
  maxConnections: 1_000,
  maxConnectionsPerAddress: 1_000,
  connectRate: { perSecond: 1_000, burst: 1e9 },
  connectRatePerAddress: { perSecond: 1_000, burst: 1e9 },
  refusedWorkPerAddress: { perSecond: 1_000, burst: 10_000 },
};

/** The network part of the server on a free loopback port, with handlers that record. Closed when its owner ends. */
export class NetHarness {
  readonly stats = new NetStats();
  readonly requests: SyncRequest[] = [];
  readonly ca: string;
  readonly connections: Connections;
  readonly upgrade: Upgrade;
  readonly held: HeldRefusals;
  readonly input: RequestInput;
  readonly listener: Listener;
  port = 0;
  /** The time of the limits. Moved by the test. */
  nowMs = 0;
  /** Untrusted peers that sent X-Forwarded-For. */
  readonly distrusted: string[] = [];
  readonly #handlers: RecordingHandler[] = [];
  #accepted: (() => void) | null = null;
  readonly #secure: boolean;

  static async start(owner: Owner, options: NetHarnessOptions = {}): Promise<NetHarness> {
    const harness = new NetHarness(options);
    harness.connections.start();
    harness.input.start();
    harness.port = await harness.listener.listen('127.0.0.1', 0);
    owner.after(async () => {
      harness.connections.terminate();
      harness.input.stop();
      await harness.listener.close(0);
    });
    return harness;
  }

  private constructor({
    tls = false,
    checks = [],
    limits = {},
    trustedProxies = null,
    accept,
    handshakeTimeoutMs = 600_000,
    maxPartialBytes = 2 ** 30,
    maxHeld = 1_000,
    after = systemAfter,
    maxUnreadBytes = 2 ** 30,
    requests = (request, response) => {
      request.resume().once('end', () => response.end('http'));
    },
  }: NetHarnessOptions) {
    const certificate = openDevCertificate({ folder: null, hostName: 'localhost', now: Date.now });
    const logger = pino({ level: 'silent' });
    this.held = new HeldRefusals(
      { max: maxHeld, maxPerKey: maxHeld, reached: () => increment(this.stats.limitsReached, 'held-refusals') },
      after,
    );
    this.ca = certificate.authority;
    this.#secure = tls;
    const admission = new Admission({
      limits: { ...noAdmissionLimits, ...limits },
      stats: this.stats,
      now: () => this.nowMs,
    });
    const addresses = new ClientAddresses(trustedProxies, (peer) => this.distrusted.push(peer));
    this.connections = new Connections({
      logger,
      stats: this.stats,
      admission,
      held: this.held,
      handshakeTimeoutMs,
      maxPartialBytes,
    });
    this.upgrade = new Upgrade({
      connections: this.connections,
      addresses,
      admission,
      logger,
      stats: this.stats,
      checks,
      accept: accept ?? ((connection, request) => this.#accept(connection, request)),
      limits: {
        maxMessageBytes: 1024 * 1024,
        handshakeTimeoutMs,
        closeTimeoutMs: 60_000,
        ...limits,
      },
    });
    this.input = new RequestInput({ turn: this.connections.turn, stats: this.stats, logger, maxUnreadBytes });
    const deps = {
      requests,
      input: this.input,
      upgrade: this.upgrade,
      stats: this.stats,
      logger,
      handshakeTimeoutMs,
      admits: (socket: Socket) => admission.allowsHandshake(addresses.keyOfPeer(socket)),
    };
    this.listener = new Listener(deps, tls ? [certificate.credentials] : null);
  }

  get url(): string {
    return `${this.#secure ? 'wss://localhost' : 'ws://127.0.0.1'}:${this.port}/sync`;
  }

  /** Resolves with the handler of the nth connection, whether it exists already or not. */
  async handler(index = 0): Promise<RecordingHandler> {
    while (this.#handlers.length <= index) {
      const accepted = new Promise<void>((resolve) => {
        this.#accepted = resolve;
      });
      await within(guardMs, `connection ${index}`, accepted);
    }
    return this.#handlers[index]!;
  }

  /** A connected socket, after the TLS handshake if there is one. */
  async socket(): Promise<Socket> {
    if (!this.#secure) {
      const socket = connect({ port: this.port, host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => {});
      await once(socket, 'connect');
      return socket;
    }
    const socket = connectTls({ port: this.port, host: '127.0.0.1', servername: 'localhost', ca: this.ca });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    return socket;
  }

  #accept(connection: WsConnection, request: SyncRequest): ConnectionHandler {
    const handler = new RecordingHandler(connection);
    this.requests.push(request);
    this.#handlers.push(handler);
    this.#accepted?.();
    return handler;
  }
}

/** The bytes of an upgrade request. Bytes above 127 in the target are sent unchanged. */
export function upgradeRequest(target: string, headers: Readonly<Record<string, string | null>> = {}): Buffer {
  const all: Record<string, string | null> = {
    Host: 'localhost',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]));
  return Buffer.from(`GET ${target} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, 'latin1');
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Resolves with everything that arrives before the other side closes. */
export async function readToEnd(stream: Duplex): Promise<string> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await within(guardMs, 'the end of the connection', Promise.race([once(stream, 'end'), once(stream, 'close')]));
  return Buffer.concat(chunks).toString();
}

export function parseAnswer(text: string): HttpAnswer {
  const [head = '', body = ''] = text.split('\r\n\r\n', 2);
  const [statusLine = '', ...lines] = head.split('\r\n');
  const headers = lines.map((line) => line.split(': ', 2) as [string, string]);
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: new Map(headers.map(([name, value]) => [name.toLowerCase(), value])),
    body,
  };
}
