import type { TestContext } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseConfig } from '../../server/config/config.ts';
import type { RefusedError } from '../../server/errors.ts';
import type { Limits } from '../../server/config/limits.ts';
import type { Connection, ConnectionHandler } from '../../server/sync/connection.ts';
import type { Grant } from '../../server/sync/grant.ts';
import { LoadRate } from '../../server/sync/session/load-rate.ts';
import { OutboxMemory } from '../../server/sync/session/outbox-memory.ts';
import { Rooms } from '../../server/sync/room/rooms.ts';
import { Handshake } from '../../server/sync/session/handshake.ts';
import type { SessionLimits } from '../../server/sync/session/session.ts';
import { SharedOffload } from '../../server/sync/session/shared-offload.ts';
import { SyncStats } from '../../server/sync/stats.ts';
import { updateBatchMs } from '../../server/sync/room/ticker.ts';
import { UserSessions } from '../../server/sync/session/user-sessions.ts';
import type { Codec } from '../../server/sync/protocol/codec.ts';
import { yWebsocketCodec } from '../../server/sync/protocol/y-websocket.ts';
import { FakeConnection } from './fake-connection.ts';
import { FakeLog } from './fake-log.ts';
import { FakeOffload } from './fake-offload.ts';
import { Latch } from './latch.ts';
import { emptyStateVector, emptyUpdate, encodeFrame } from './frames.ts';
import type { Frame, FrameOf, FrameType } from './frames.ts';
import { isScratchName } from '../../server/net/scratch-name.ts';

const { limits: defaultLimits } = parseConfig([], {});

/** Turns of the event loop after which all work of a test has ended, because it involves no real I/O. */
const turnsToSettle = 16;

export interface ClientOptions {
  readonly docId?: string;
  readonly userId?: string;
  readonly access?: Grant['access'];
  readonly addressKey?: string;
  readonly limits?: Partial<SessionLimits>;
  readonly codec?: Codec;
}

/** Rooms and sessions over a log that commits by command, with a clock that the test moves. */
export class SyncHarness {
  readonly log = new FakeLog();
  readonly stats = new SyncStats();
  readonly offload = new FakeOffload();
  readonly sharedOffload = new SharedOffload(this.offload);
  readonly rooms: Rooms;
  readonly roomFailures: string[] = [];
  readonly userSessions: UserSessions;
  readonly outboxMemory: OutboxMemory;
  readonly loadRate: LoadRate;
  nowMs = 1_000_000;
  readonly #t: TestContext;

  constructor(t: TestContext, limits: Partial<Limits> = {}) {
    this.#t = t;
    this.userSessions = new UserSessions(limits.maxConnectionsPerUser ?? Infinity);
    this.outboxMemory = new OutboxMemory(limits.maxOutboxMemoryBytes ?? Infinity);
    this.loadRate = new LoadRate({
      rate: limits.openRatePerAddress ?? defaultLimits.openRatePerAddress,
      now: () => this.nowMs,
      wait: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
    });
    t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
    this.rooms = new Rooms({
      log: this.log,
      isTransient: isScratchName,
      offload: this.offload,
      stats: this.stats,
      idleRoomTimeoutMs: 30_000,
      limits: { ...defaultLimits, ...limits },
      roomFailed: (docId) => this.roomFailures.push(docId),
      now: () => this.nowMs,
    });
    this.rooms.start();
  }

  /** A client whose session is not live yet. */
  connect(options: ClientOptions = {}): FakeClient {
    return new FakeClient(this, options);
  }

  /** Resolves with a client whose session is live, and that has sent nothing. */
  async live(options: ClientOptions = {}): Promise<FakeClient> {
    const client = this.connect(options);
    await this.settle();
    if (!client.live) throw new Error('The session did not become live');
    return client;
  }

  /** Resolves with a client that has answered SyncStep1, knows the document, and has read all messages. */
  async synced(options: ClientOptions = {}): Promise<FakeClient> {
    const client = await this.live(options);
    client.answer();
    client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
    await this.settle();
    client.take();
    return client;
  }

  /** Lets everything happen that neither waits for a commit nor for a gate; rooms send their batches. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < turnsToSettle; turn++) {
      await nextTurn();
      this.#t.mock.timers.tick(updateBatchMs);
    }
  }

  /** Lets timers up to the length of a nudge fire. */
  passMs(ms: number): void {
    this.nowMs += ms;
    this.#t.mock.timers.tick(ms);
  }

  /** Moves the clock by `ms`, and runs the sweep of every second. */
  sweepAfter(ms: number): void {
    this.nowMs += ms;
    this.rooms.sweep();
  }
}

/** The connection and session of one client, in the y-websocket dialect. */
export class FakeClient {
  readonly connection = new FakeConnection();
  readonly refusals: RefusedError[] = [];
  readonly authorizing = new Latch();
  authorizeError: Error | null = null;
  /** The check of access asks it whether the client has left. */
  isGone: () => boolean = () => false;

  constructor(harness: SyncHarness, options: ClientOptions) {
    const grant: Grant = {
      userId: options.userId ?? 'ada',
      person: null,
      docId: options.docId ?? 'doc',
      access: options.access ?? 'write',
      untilMs: null,
      tokenId: null,
    };
    const deps = {
      codec: options.codec ?? yWebsocketCodec,
      rooms: harness.rooms,
      offload: harness.sharedOffload,
      stats: harness.stats,
      outboxMemory: harness.outboxMemory,
      userSessions: harness.userSessions,
      loadRate: harness.loadRate,
      limits: { ...defaultLimits, maxOutboxBytes: 1024 * 1024, maxQueuedBytes: 1024 * 1024, ...options.limits },
      refused: (_connection: Connection, _docId: string, refusal: RefusedError) => this.refusals.push(refusal),
    };
    const request = {
      docId: grant.docId,
      addressKey: options.addressKey ?? null,
      authorize: async (isGone: () => boolean) => {
        this.isGone = isGone;
        // The test may close the gate in the same turn.
        await Promise.resolve();
        await this.authorizing.passed();
        if (this.authorizeError !== null) throw this.authorizeError;
        return grant;
      },
    };
    this.connection.attach(Handshake.start(this.connection, request, deps));
  }

  get #handler(): ConnectionHandler {
    return this.connection.handler!;
  }

  /** Whether the server has sent SyncStep1, which a session sends first when it is live. */
  get live(): boolean {
    return this.connection.writes.length > 0;
  }

  send(frame: Frame): void {
    this.sendBytes(encodeFrame(frame));
  }

  /** The bytes are overwritten after the call, like the buffer of a socket. */
  sendBytes(bytes: Uint8Array): void {
    const received = Uint8Array.from(bytes);
    this.#handler.message(received);
    received.fill(0xee);
  }

  edit(update: Uint8Array): void {
    this.send({ type: 'update', update });
  }

  answer(update: Uint8Array = emptyUpdate): void {
    this.send({ type: 'sync-step-2', update });
  }

  probe(mark: number): void {
    this.send({ type: 'probe', payload: Uint8Array.of(mark) });
  }

  /** The marks of all probes that were answered. */
  get savedMarks(): number[] {
    return this.connection.framesOf('probe').map((frame) => frame.payload[0]!);
  }

  /** The messages since the last call. */
  take(): Frame[] {
    return this.connection.takeFrames();
  }

  takeOf<T extends FrameType>(type: T): FrameOf<T>[] {
    return this.take().filter((frame): frame is FrameOf<T> => frame.type === type);
  }

  /** Reports that the kernel has taken everything. */
  drain(): void {
    this.connection.bufferedBytes = 0;
    this.#handler.drained();
  }

  /** Reports that the socket is closed. */
  vanish(): void {
    this.#handler.closed(1006, '');
  }

  /** As the session says. */
  get queuedBytes(): number {
    return this.#handler.queuedBytes;
  }

  get closeCode(): number | null {
    return this.connection.closedWith?.code ?? null;
  }
}
