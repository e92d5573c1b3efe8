import { setImmediate as nextTurn } from 'node:timers/promises';
import { YjsWorker } from '../../persistence/compaction/yjs-worker.ts';
import { MemoryLog } from '../../persistence/memory/memory-log.ts';
import { MemoryStore } from '../../persistence/memory/memory-store.ts';
import type { RecordStore } from '../../persistence/engine/record-store.ts';
import type { LogObserver } from '../../persistence/engine/log-observer.ts';
import { parseConfig } from '../../server/config/config.ts';
import type { RefusedError } from '../../server/errors.ts';
import type { Limits } from '../../server/config/limits.ts';
import type { CloseReason } from '../../server/sync/connection.ts';
import { LoadRate } from '../../server/sync/session/load-rate.ts';
import { OutboxMemory } from '../../server/sync/session/outbox-memory.ts';
import { SharedOffload } from '../../server/sync/session/shared-offload.ts';
import { Rooms } from '../../server/sync/room/rooms.ts';
import { SyncStats } from '../../server/sync/stats.ts';
import { UserSessions } from '../../server/sync/session/user-sessions.ts';
import { yWebsocketCodec } from '../../server/sync/protocol/y-websocket.ts';
import { Handshake } from '../../server/sync/session/handshake.ts';
import type { SessionDeps } from '../../server/sync/session/session.ts';
import { within } from './deadline.ts';
import { FakeConnection } from './fake-connection.ts';
import { emptyStateVector, emptyUpdate, encodeFrame } from './frames.ts';
import type { Frame } from './frames.ts';
import type { Owner } from './owner.ts';
import { isScratchName } from '../../server/net/scratch-name.ts';

const { limits: defaultLimits } = parseConfig([], {});

/** Only guards against hanging. Other processes may use the machine. */
const patienceMs = 120_000;

export interface WorkerSiteOptions {
  readonly limits?: Partial<Limits>;
  /** A store that the test keeps, so that a second site finds what the first one has stored. */
  readonly store?: RecordStore;
  /** The size from which a tail is folded. Default: as in production. */
  readonly minTailBytes?: number;
  readonly observer?: LogObserver;
}

/** Rooms, sessions, a log in memory and real worker threads: everything but sockets and the disk. */
export class WorkerSite {
  readonly rooms: Rooms;
  readonly log: MemoryLog;
  readonly stats = new SyncStats();
  readonly roomFailures: Error[] = [];
  readonly #sessionDeps: SessionDeps;

  constructor(owner: Owner, options: WorkerSiteOptions = {}) {
    const limits = { ...defaultLimits, ...options.limits };
    const [compactor, offload] = [new YjsWorker(), new YjsWorker()];
    const minTailBytes = options.minTailBytes ?? 256 * 1024;
    this.log = MemoryLog.open(
      { compaction: { minTailBytes, tailToSnapshotRatio: 2, entryCostBytes: 100 } },
      { compact: compactor.compact, store: options.store ?? new MemoryStore(), observer: options.observer ?? {} },
    );
    this.rooms = new Rooms({
      log: this.log,
      isTransient: isScratchName,
      offload,
      stats: this.stats,
      idleRoomTimeoutMs: 0,
      limits,
      roomFailed: (_docId, error) => this.roomFailures.push(error),
      now: Date.now,
    });
    this.rooms.start();
    this.#sessionDeps = {
      codec: yWebsocketCodec,
      rooms: this.rooms,
      offload: new SharedOffload(offload),
      stats: this.stats,
      outboxMemory: new OutboxMemory(limits.maxOutboxMemoryBytes),
      userSessions: new UserSessions(Infinity),
      loadRate: new LoadRate({
        rate: limits.openRatePerAddress,
        now: () => performance.now(),
        wait: () => Promise.resolve(),
      }),
      limits: { ...limits, maxOutboxBytes: Infinity, maxQueuedBytes: 2 * limits.maxMessageBytes },
      refused: (connection, _docId, refusal) => (connection as SiteConnection).refused(refusal),
    };
    owner.after(async () => {
      await this.rooms.close();
      await this.log.close();
      await Promise.all([compactor.close(), offload.close()]);
    });
  }

  /** A client of the document that is not live yet. */
  connect(docId: string, access: 'read' | 'write' = 'write'): SiteClient {
    const connection = new SiteConnection();
    const grant = { userId: 'ada', person: null, docId, access, untilMs: null, tokenId: null };
    const request = { docId, addressKey: null, authorize: () => Promise.resolve(grant) };
    connection.attach(Handshake.start(connection, request, this.#sessionDeps));
    return new SiteClient(connection);
  }

  /** Resolves when the document has no clients, its log is closed and no compaction of it is running. */
  async unload(docId: string): Promise<void> {
    for (const deadline = Date.now() + patienceMs; this.rooms.isOpen(docId);) {
      if (Date.now() > deadline) throw new Error(`${docId} stays open`);
      this.rooms.sweep();
      await nextTurn();
    }
    await within(patienceMs, 'the end of folding', this.log.settled());
  }
}

/** A connection without a socket that reports each change. */
class SiteConnection extends FakeConnection {
  refusal: RefusedError | null = null;
  onChange: () => void = () => {};

  refused(refusal: RefusedError): void {
    this.refusal ??= refusal;
  }

  override write(frames: Uint8Array): void {
    super.write(frames);
    this.onChange();
  }

  override close(reason: CloseReason): void {
    super.close(reason);
    this.onChange();
  }
}

/** One client of a `WorkerSite`: frames in, frames out. */
export class SiteClient {
  readonly #connection: SiteConnection;
  #probes = 0;

  constructor(connection: SiteConnection) {
    this.#connection = connection;
  }

  get refusal(): RefusedError | null {
    return this.#connection.refusal;
  }

  get closeCode(): number | null {
    return this.#connection.closedWith?.code ?? null;
  }

  get closeReason(): string | null {
    return this.#connection.closedWith?.reason ?? null;
  }

  send(frame: Frame): void {
    this.sendBytes(encodeFrame(frame));
  }

  sendBytes(message: Uint8Array): void {
    this.#connection.handler!.message(message);
  }

  /** Whether the server has sent SyncStep1, which means that the session is live. */
  async live(): Promise<this> {
    await this.#until(() => this.#connection.writes.length > 0);
    return this;
  }

  edit(update: Uint8Array): void {
    this.send({ type: 'update', update });
  }

  answer(update: Uint8Array = emptyUpdate): void {
    this.send({ type: 'sync-step-2', update });
  }

  /**
   * Resolves when everything that was sent has been read and is durable, even if part of it waits for missing edits, or
   * when the session is closed. Resolves with whether the session is open.
   */
  async settled(): Promise<boolean> {
    // A SyncStep1 is answered after everything that was sent before it, even if edits wait for missing ones.
    await this.sync();
    return this.closeCode === null;
  }

  /** Resolves when a probe is answered or the session is closed, with whether it was answered. */
  async saved(): Promise<boolean> {
    const mark = ++this.#probes;
    this.send({ type: 'probe', payload: Uint8Array.of(mark) });
    let isSaved = false;
    await this.#until(() => {
      isSaved ||= this.#connection.takeFrames().some((frame) => frame.type === 'probe' && frame.payload[0] === mark);
      return isSaved || this.closeCode !== null;
    });
    return isSaved;
  }

  /** Sends SyncStep1. Resolves with the updates up to the answer, without edits that are not durable yet. */
  async sync(stateVector: Uint8Array = emptyStateVector): Promise<Uint8Array[]> {
    this.#connection.takeFrames();
    this.send({ type: 'sync-step-1', stateVector });
    const updates: Uint8Array[] = [];
    let isSynced = false;
    await this.#until(() => {
      for (const frame of this.#connection.takeFrames()) {
        if (frame.type === 'update' || frame.type === 'sync-step-2') updates.push(frame.update);
        isSynced ||= frame.type === 'sync-step-2';
      }
      return isSynced || this.closeCode !== null;
    });
    return updates;
  }

  /** Reports that the socket is closed. */
  vanish(): void {
    this.#connection.handler!.closed(1006, '');
  }

  /** `isDone` may take frames. It is not called again after it has returned true. */
  async #until(isDone: () => boolean): Promise<void> {
    let isOver = false;
    const done = new Promise<void>((resolve) => {
      const look = (): void => {
        if (isOver || (!isDone() && this.closeCode === null)) return;
        isOver = true;
        resolve();
      };
      this.#connection.onChange = () => setImmediate(look);
      look();
    });
    await within(patienceMs, 'an answer of the server', done);
    this.#connection.onChange = () => {};
  }
}
