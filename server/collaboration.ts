import type { IncomingMessage } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { LogError } from '../persistence/errors.ts';
import { Gate } from './auth/gate.ts';
import type { Auth } from './auth/open-auth.ts';
import { RefusalDelay } from './auth/refusal-delay.ts';
import type { Config } from './config/config.ts';
import type { RefusedError } from './errors.ts';
import type { HeldRefusals } from './limits/held-refusals.ts';
import { LoadRate } from './sync/session/load-rate.ts';
import { UserSessions } from './sync/session/user-sessions.ts';
import type { Logger } from './logger.ts';
import type { CollaborationSources } from './metrics/metrics.ts';
import type { ClientAddresses } from './net/client-addresses.ts';
import { isScratchName } from './net/scratch-name.ts';
import { tokenOf } from './net/token-source.ts';
import type { SyncRequest } from './net/upgrade.ts';
import type { WsConnection } from './net/ws-connection.ts';
import type { Storage } from './storage.ts';
import type { ConnectionHandler } from './sync/connection.ts';
import { yWebsocketCodec } from './sync/protocol/y-websocket.ts';
import { Rooms } from './sync/room/rooms.ts';
import { Handshake } from './sync/session/handshake.ts';
import { OutboxMemory } from './sync/session/outbox-memory.ts';
import type { SessionDeps } from './sync/session/session.ts';
import { SharedOffload } from './sync/session/shared-offload.ts';
import { SyncStats } from './sync/stats.ts';
import type { ClientAuthority } from './tls/client-authority.ts';

export interface CollaborationDeps {
  readonly config: Config;
  readonly logger: Logger;
  readonly auth: Auth;
  /** Already open. Its owner closes it after this object. */
  readonly storage: Storage;
  readonly addresses: ClientAddresses;
  readonly held: HeldRefusals;
  /** The authorities whose client certificates are accepted; null if none are requested. */
  readonly clientAuthority: ClientAuthority | null;
}

/** The interval of checking grants, which bounds how late a grant ends and how long a revocation takes. */
const gateSweepMs = 1_000;

/** Owns the rooms, the sessions in them, and access control. Has no ports. */
export class Collaboration {
  readonly #deps: CollaborationDeps;
  readonly #stats = new SyncStats();
  readonly #outboxMemory: OutboxMemory;
  readonly #rooms: Rooms;
  readonly #gate: Gate;
  readonly #sessionDeps: SessionDeps;
  #gateSweeper: NodeJS.Timeout | undefined;

  constructor(deps: CollaborationDeps) {
    const { config, logger, storage, addresses, held } = deps;
    const { limits } = config;
    this.#deps = deps;
    this.#outboxMemory = new OutboxMemory(limits.maxOutboxMemoryBytes);
    const offload = new SharedOffload(storage.offload);
    this.#rooms = new Rooms({
      log: storage.log,
      isTransient: isScratchName,
      offload: offload.of('documents that are loaded', () => false),
      stats: this.#stats,
      idleRoomTimeoutMs: config.idleRoomTimeoutMs,
      limits,
      roomFailed: (docId, err) => logger.error({ docId, err }, 'room ended'),
      // A monotonic clock: a change of the system time must not expire presence or unload rooms.
      now: () => performance.now(),
    });
    this.#gate = new Gate({
      ...deps.auth,
      delay: new RefusalDelay(),
      logger,
      now: Date.now,
      wait: (delayMs, address) => held.hold(addresses.keyOf(address) ?? '', delayMs),
      grantees: () => this.#rooms.sessions(),
    });
    this.#sessionDeps = {
      codec: yWebsocketCodec,
      rooms: this.#rooms,
      offload,
      stats: this.#stats,
      outboxMemory: this.#outboxMemory,
      userSessions: new UserSessions(limits.maxConnectionsPerUser),
      loadRate: new LoadRate({ rate: limits.openRatePerAddress, now: () => performance.now(), wait }),
      limits: {
        ...limits,
        // A reader that is further behind than one message is better served by a new join.
        maxOutboxBytes: limits.maxMessageBytes,
        // One message, plus the data that one read from the socket may bring after it.
        maxQueuedBytes: limits.maxMessageBytes + 64 * 1024,
      },
      refused: (connection, docId, refusal) => {
        const fields = { connectionId: connection.id, docId, error: refusal.code, reason: refusal.message };
        if (isServerFault(refusal)) logger.error({ ...fields, err: refusal.cause }, 'session failed');
        else logger.info(fields, 'session ended');
      },
    };
  }

  /** Starts the timers that sweep rooms and grants. To be called once. */
  start(): void {
    this.#rooms.start();
    this.#gateSweeper = setInterval(() => this.#sweep(), gateSweepMs).unref();
  }

  /** Begins the session of a new client, and returns the first handler of its messages. */
  accept(connection: WsConnection, request: SyncRequest): ConnectionHandler {
    const { docName: docId, headers, params, address, addressKey } = request;
    const identity = this.#deps.clientAuthority === null ? null : request.clientCertificate;
    const attempt = { docId, token: tokenOf(headers, params), origin: headers.origin ?? null, address, identity };
    const authorize = (isGone: () => boolean) => this.#gate.admit({ ...attempt, isGone });
    // All clients use one dialect. For a further one, choose between deps that differ in their codec.
    return Handshake.start(connection, { docId, addressKey, authorize }, this.#sessionDeps);
  }

  /**
   * Resolves with the user's id if the token may administer the document, else rejects with RefusedError. A token in
   * the URL is not accepted, so that it does not get into a log by mistake.
   */
  async admitAdmin(request: IncomingMessage, docId: string): Promise<string> {
    const { headers } = request;
    const address = this.#deps.addresses.of(request);
    const token = tokenOf(headers, new URLSearchParams());
    return (await this.#gate.admitAdmin({ docId, token, origin: headers.origin ?? null, address })).userId;
  }

  /** See `Rooms.delete`. */
  deleteDocument(docId: string): Promise<boolean> {
    return this.#rooms.delete(docId);
  }

  /** The part of the metrics that it owns. */
  get metricSources(): CollaborationSources {
    const rooms = this.#rooms;
    return {
      sync: this.#stats,
      rooms: () => rooms.size,
      roomMemoryBytes: () => rooms.memoryBytes,
      outboxMemoryBytes: () => this.#outboxMemory.bytes,
      sessions: () => rooms.peers,
      unsavedEditBytes: () => rooms.unsaved.bytes,
    };
  }

  /** Stops checking grants, because all sessions are about to end. */
  stop(): void {
    clearInterval(this.#gateSweeper);
  }

  /** See `Rooms.close`. */
  close(): Promise<void> {
    this.stop();
    return this.#rooms.close();
  }

  /** Ends sessions whose grant is over, and polls the files that configure access. */
  #sweep(): void {
    this.#deps.clientAuthority?.reload();
    this.#gate.sweep();
  }
}

function wait(delayMs: number): Promise<void> {
  return pause(delayMs, undefined, { ref: false });
}

/** Whether the operator must investigate. The storage itself logs a failed write and a full disk. */
function isServerFault({ code, cause }: RefusedError): boolean {
  if (code === 'internal' || code === 'document-corrupt') return true;
  return cause instanceof LogError && cause.code === 'LOG_UNREADABLE';
}
