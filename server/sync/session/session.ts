import { closeReason, limitReached, toRefusal } from '../../errors.ts';
import type { RefusedError } from '../../errors.ts';
import type { LimitName } from '../../limits/limits.ts';
import type { Tallied } from '../../limits/tally.ts';
import type { BucketSize } from '../../limits/token-bucket.ts';
import type { Broadcast } from '../room/broadcast.ts';
import type { Codec } from '../protocol/codec.ts';
import { DRAIN_BYTES, type Connection, type ConnectionHandler } from '../connection.ts';
import type { Grant, Person } from '../grant.ts';
import { type LivePeer, LiveSession, type LiveSessionDeps, NOBODY } from './live-session.ts';
import { MessageQueue } from './message-queue.ts';
import type { LoadRate } from './load-rate.ts';
import { SLOW_BYTES } from './outbox.ts';
import type { PaceLimits } from './pace.ts';
import type { Room } from '../room/room.ts';
import type { UserSessions } from './user-sessions.ts';

/** A stock client closes after 30 s without a message; half of that leaves room for one that gets lost. */
const KEEP_ALIVE_MS = 15_000;
/** Clients up to y-websocket 2 come back at once after any close, with the same old copy; newer ones stop. */
const OLD_COPY_HOLD_MS = 2_000;
/** What is read before the client is known: the messages of a stock client without offline edits, many times over. */
const MAX_EARLY_BYTES = 64 * 1024;

/** What all sessions of a dialect share. */
export interface SessionDeps extends LiveSessionDeps {
  readonly limits: SessionLimits;
  readonly users: UserSessions;
  readonly opens: LoadRate;
  /** A session has ended by our decision. */
  refused(connection: Connection, docId: string, refusal: RefusedError): void;
}

/** What a client asks for. */
export interface SessionRequest {
  readonly docId: string;
  /** Whom limits take for one address; null if no such limit holds. */
  readonly addressKey: string | null;
  /** Who this is and what is allowed. Rejects with RefusedError. `isGone` tells that the answer is no longer wanted. */
  authorize(isGone: () => boolean): Promise<Grant>;
}

export interface SessionLimits extends PaceLimits {
  /** In bytes of answers to SyncStep1. */
  readonly syncRate: BucketSize;
  readonly maxOutboxBytes: number;
  /** Messages that arrive before the session can take them, in bytes. */
  readonly maxQueuedBytes: number;
  /** Client ids that one session may bring into its document. */
  readonly maxNewClients: number;
  readonly maxConnectionsPerDocument: number;
}

type State =
  | { readonly phase: 'authenticating' }
  | { readonly phase: 'loading'; readonly grant: Grant }
  | { readonly phase: 'live'; readonly live: LiveSession }
  | { readonly phase: 'closed' };

/** One client's participation in one document. */
export class Session implements LivePeer, ConnectionHandler {
  readonly #connection: Connection;
  readonly #docId: string;
  readonly #deps: SessionDeps;
  #state: State = { phase: 'authenticating' };
  /** What comes must wait: the session is not live yet, or a large update is being scanned. */
  #busy = true;
  #queue: MessageQueue | null = null;
  /** The client has sent too much, and is read later. */
  #slowed = false;
  #user: Tallied | null = null;
  #addressKey: string | null = null;
  /** Of the update that is being scanned. */
  #takingBytes = 0;
  #lastWriteMs = 0;
  /** Written by `reply` since the client last kept up. */
  #unreadBytes = 0;
  #drainWaiters: (() => void)[] | null = null;

  constructor(connection: Connection, docId: string, deps: SessionDeps) {
    this.#connection = connection;
    this.#docId = docId;
    this.#deps = deps;
  }

  /** Resolves when the session is live or closed; never rejects. */
  async start({ authorize, addressKey }: SessionRequest): Promise<void> {
    const { rooms, users, opens, limits } = this.#deps;
    this.#addressKey = addressKey;
    try {
      this.#connection.limitReading(MAX_EARLY_BYTES);
      const grant = await authorize(() => this.ended);
      if (this.ended) return;
      this.#connection.limitReading(null);
      this.#state = { phase: 'loading', grant };
      this.#user = users.enter(grant.userId);
      if (!rooms.isOpen(grant.docId)) await opens.turn(addressKey);
      if (this.ended) return;
      const room = await rooms.get(grant.docId);
      if (this.ended) return;
      if (room.peers.size >= limits.maxConnectionsPerDocument) throw limitReached('connections-per-document');
      this.#goLive(grant, room);
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  #goLive(grant: Grant, room: Room): void {
    const live = new LiveSession(this, this.#connection, grant, room, this.#deps);
    this.#state = { phase: 'live', live };
    // Mostly the client has asked meanwhile: our question, who is here and the answer are one write then.
    this.#connection.cork();
    live.start();
    this.#takeQueued();
  }

  get grant(): Grant | null {
    const state = this.#state;
    if (state.phase === 'live') return state.live.grant;
    return state.phase === 'loading' ? state.grant : null;
  }

  get userId(): string {
    return this.grant?.userId ?? '';
  }

  /** Its address; where that is not limited its user, or its document. */
  get workKey(): string {
    return this.#addressKey ?? (this.userId || this.#docId);
  }

  get person(): Person | null {
    return this.grant?.person ?? null;
  }

  renew(grant: Grant): void {
    if (this.#state.phase === 'live') this.#state.live.grant = grant;
  }

  get codec(): Codec {
    return this.#deps.codec;
  }

  get ended(): boolean {
    return this.#state.phase === 'closed';
  }

  /** One message of the client; valid only during the call. */
  message(data: Uint8Array): void {
    if (this.ended) return;
    try {
      if (this.#busy || this.#isRoomEnding) {
        this.#queue ??= new MessageQueue(this, this.#deps.limits.maxQueuedBytes);
        this.#queue.push(data);
      } else {
        this.#handle(data);
      }
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  /** The document is being deleted. What comes waits until the room has ended the session. */
  get #isRoomEnding(): boolean {
    return this.#state.phase === 'live' && this.#state.live.room.isEnding;
  }

  #takeQueued(): void {
    this.#busy = false;
    const queue = this.#queue;
    if (queue === null) return;
    // A large update among them makes the session busy again; the rest waits on.
    while (!this.#busy && !this.ended && !this.#isRoomEnding && queue.length > 0) this.#handle(queue.shift()!);
    if (queue.length === 0) this.#queue = null;
  }

  #handle(data: Uint8Array): void {
    const state = this.#state;
    switch (state.phase) {
      case 'live': {
        const taken = state.live.take(this.codec.decode(data), data.length);
        if (taken !== null) void this.#waitFor(taken, data.length);
        const limit = this.#slowed ? null : state.live.receiveLimit;
        if (limit !== null) this.#slowDown(limit);
        return;
      }
      case 'authenticating':
      case 'loading':
        throw new Error('a message came past the queue');
      case 'closed':
        return;
    }
  }

  /** What was read already is still taken, as a debt. */
  #slowDown(limit: LimitName): void {
    this.#deps.stats.limitReached(limit);
    this.#slowed = true;
    this.#connection.pause();
    this.#awaitCommit();
  }

  /** The client may be read again as soon as the disk has more of its edits. */
  #awaitCommit(): void {
    const state = this.#state;
    if (state.phase === 'live' && this.#slowed) state.live.room.awaitCommit(this);
  }

  /** For the queue, as `resume`. */
  pause(): void {
    this.#connection.pause();
  }

  resume(): void {
    if (!this.#slowed) this.#connection.resume();
  }

  async #waitFor(taken: Promise<void>, bytes: number): Promise<void> {
    this.#busy = true;
    this.#takingBytes = bytes;
    try {
      await taken;
      this.#takingBytes = 0;
      this.#takeQueued();
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  committed(): void {
    if (this.#state.phase !== 'live') return;
    try {
      this.#state.live.acknowledge();
      if (!this.#slowed || this.ended) return;
      this.#readOn();
      this.#awaitCommit();
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  deliver(broadcast: Broadcast): void {
    if (this.#state.phase !== 'live') return;
    try {
      if (this.#state.live.deliver(broadcast)) this.#lastWriteMs = this.#deps.rooms.coarseNowMs;
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  deliverPresence(states: Uint8Array): void {
    try {
      this.reply(this.codec.presence(states));
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  /** Past the outbox, within its bound. */
  reply(frames: Uint8Array): void {
    if (this.#connection.bufferedBytes < SLOW_BYTES) this.#unreadBytes = 0;
    this.#unreadBytes += frames.length;
    if (this.#unreadBytes > this.#deps.limits.maxOutboxBytes) this.end(limitReached('outbox-size'));
    this.write(frames);
  }

  /** For the parts of a join, which wait for the socket to drain. */
  write(frames: Uint8Array): void {
    if (this.ended) return;
    this.#lastWriteMs = this.#deps.rooms.coarseNowMs;
    this.#connection.write(frames);
  }

  sweep(nowMs: number): void {
    try {
      if (this.#state.phase === 'live') this.#state.live.sweep(nowMs);
      if (this.#slowed) this.#readOn();
      if (nowMs - this.#lastWriteMs >= KEEP_ALIVE_MS) this.write(this.codec.presence(NOBODY));
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  #readOn(): void {
    if (this.#state.phase === 'live' && this.#state.live.receiveLimit !== null) return;
    this.#slowed = false;
    if (this.#queue === null || this.#queue.length === 0) this.#connection.resume();
  }

  whenDrained(): Promise<void> {
    if (this.ended || this.#connection.bufferedBytes < DRAIN_BYTES) return Promise.resolve();
    return new Promise((resolve) => (this.#drainWaiters ??= []).push(resolve));
  }

  /** The socket has taken everything that was written. */
  drained(): void {
    this.#wakeWriters();
    if (this.#state.phase === 'live') this.#state.live.drained();
  }

  #wakeWriters(): void {
    const waiters = this.#drainWaiters ?? [];
    this.#drainWaiters = null;
    for (const resolve of waiters) resolve();
  }

  get queuedBytes(): number {
    return this.#takingBytes + (this.#queue?.bytes ?? 0);
  }

  /** The socket is gone. */
  closed(): void {
    this.#close();
  }

  end(refusal: RefusedError): void {
    if (this.ended) return;
    // The log is closed while the document is deleted, which is no shutdown: the room ends the session with what becomes of it.
    if (refusal.code === 'shutting-down' && this.#isRoomEnding) return;
    const { sessionsEnded } = this.#deps.stats;
    sessionsEnded.set(refusal.code, (sessionsEnded.get(refusal.code) ?? 0) + 1);
    if (refusal.limit !== null) this.#deps.stats.limitReached(refusal.limit);
    this.#deps.refused(this.#connection, this.#docId, refusal);
    this.#close();
    const close = (): void => this.#connection.close(closeReason(refusal.code, refusal.message));
    if (refusal.code === 'generation-changed') setTimeout(close, OLD_COPY_HOLD_MS).unref();
    else close();
  }

  #close(): void {
    const state = this.#state;
    if (state.phase === 'closed') return;
    this.#state = { phase: 'closed' };
    this.#queue = null;
    this.#deps.users.leave(this.#user);
    if (state.phase === 'live') {
      state.live.close();
      state.live.room.leave(this);
    }
    this.#wakeWriters();
  }
}
