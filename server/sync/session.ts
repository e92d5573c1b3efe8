import { scanUpdate, type UpdateFacts } from '../../persistence/update/scan.ts';
import { closeReason, RefusedError, toRefusal } from '../errors.ts';
import { Acknowledgements } from './acknowledgements.ts';
import type { Broadcast } from './broadcast.ts';
import type { ClientMessage, Codec } from './codec.ts';
import { DRAIN_BYTES, type Connection, type ConnectionHandler } from './connection.ts';
import type { Grant, Person } from './grant.ts';
import { answerSyncStep1, type JoinSink } from './join.ts';
import { MessageQueue } from './message-queue.ts';
import { OFFLOAD_BYTES, type Offload } from './offload.ts';
import { Outbox, SLOW_BYTES } from './outbox.ts';
import type { Peer } from './peer.ts';
import type { Room } from './room.ts';
import type { Rooms } from './rooms.ts';
import type { SyncStats } from './stats.ts';

/** A stock client closes after 30 s without a message; half of that leaves room for one that gets lost. */
const KEEP_ALIVE_MS = 15_000;
/** SyncStep1 that wait for their turn. A client asks once per connect, or every few seconds (`resyncInterval`). */
const MAX_WAITING_JOINS = 8;
/** An awareness update about nobody: the sign of life that a client without presence needs. */
const NOBODY = Uint8Array.of(0);

/** What all sessions of a dialect share. */
export interface SessionDeps {
  readonly codec: Codec;
  readonly rooms: Rooms;
  readonly offload: Offload;
  readonly stats: SyncStats;
  readonly limits: SessionLimits;
  /** A session has ended by our decision. */
  refused(connection: Connection, docId: string, refusal: RefusedError): void;
}

/** What a client asks for. */
export interface SessionRequest {
  readonly docId: string;
  /** Who this is and what is allowed. Rejects with RefusedError. */
  authorize(): Promise<Grant>;
}

export interface SessionLimits {
  readonly maxOutboxBytes: number;
  /** Messages that arrive before the session can take them, in bytes. */
  readonly maxQueuedBytes: number;
}

type State =
  | { readonly phase: 'authenticating' }
  | { readonly phase: 'loading'; readonly grant: Grant }
  | { readonly phase: 'live'; readonly grant: Grant; readonly room: Room; readonly live: Live }
  | { readonly phase: 'closed' };

/** What only a live session has. */
interface Live {
  /** Null until the room has sent something: of thousands of sessions most are idle. */
  outbox: Outbox | null;
  readonly acknowledgements: Acknowledgements;
  /** Answers to SyncStep1 run one after the other; resolves when the last one that was asked for is done. Null: none runs. */
  joins: Promise<void> | null;
  waitingJoins: number;
  /** The client has been sent everything up to some moment, and must be sent everything after it. */
  receiving: boolean;
  /** A SyncStep1 of ours that the client has not answered yet. One at a time: its answer will contain what we miss. */
  questionOpen: boolean;
}

/** One client's participation in one document. */
export class Session implements Peer, JoinSink, ConnectionHandler {
  readonly #connection: Connection;
  readonly #docId: string;
  readonly #deps: SessionDeps;
  #state: State = { phase: 'authenticating' };
  /** What comes must wait: the session is not live yet, or a large update is being scanned. */
  #busy = true;
  #queue: MessageQueue | null = null;
  #lastWriteMs = 0;
  /** Written by `#reply` since the client last kept up. */
  #unreadBytes = 0;
  #drainWaiters: (() => void)[] | null = null;

  constructor(connection: Connection, docId: string, deps: SessionDeps) {
    this.#connection = connection;
    this.#docId = docId;
    this.#deps = deps;
  }

  /** Resolves when the session is live or closed; never rejects. */
  async start({ authorize }: SessionRequest): Promise<void> {
    try {
      const grant = await authorize();
      if (this.ended) return;
      this.#state = { phase: 'loading', grant };
      const room = await this.#deps.rooms.get(grant.docId);
      if (this.ended) return;
      this.#goLive(grant, room);
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  #goLive(grant: Grant, room: Room): void {
    const live: Live = {
      outbox: null,
      acknowledgements: new Acknowledgements(),
      joins: null,
      waitingJoins: 0,
      receiving: false,
      questionOpen: false,
    };
    this.#state = { phase: 'live', grant, room, live };
    room.join(this);
    this.#connection.established();
    this.#ask(room, live);
    this.#sendPresence(room);
    this.#takeQueued();
  }

  get grant(): Grant | null {
    return this.#state.phase === 'loading' || this.#state.phase === 'live' ? this.#state.grant : null;
  }

  get userId(): string {
    return this.grant?.userId ?? '';
  }

  get person(): Person | null {
    return this.grant?.person ?? null;
  }

  renew(grant: Grant): void {
    if (this.#state.phase === 'live') this.#state = { ...this.#state, grant };
  }

  get codec(): Codec {
    return this.#deps.codec;
  }

  get ended(): boolean {
    return this.#state.phase === 'closed';
  }

  /** One message of the client; valid only during the call. */
  message(data: Uint8Array): void {
    try {
      if (this.#busy) {
        this.#queue ??= new MessageQueue(this.#connection, this.#deps.limits.maxQueuedBytes);
        this.#queue.push(data);
      } else {
        this.#handle(data);
      }
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  #takeQueued(): void {
    this.#busy = false;
    const queue = this.#queue;
    if (queue === null) return;
    // A large update among them makes the session busy again; the rest waits on.
    while (!this.#busy && !this.ended && queue.length > 0) this.#handle(queue.shift()!);
    if (queue.length === 0) this.#queue = null;
  }

  #handle(data: Uint8Array): void {
    const state = this.#state;
    switch (state.phase) {
      case 'live':
        this.#handleMessage(this.codec.decode(data), state.grant, state.room, state.live);
        return;
      case 'authenticating':
      case 'loading':
        throw new Error('a message came past the queue');
      case 'closed':
        return;
    }
  }

  #handleMessage(message: ClientMessage, grant: Grant, room: Room, live: Live): void {
    switch (message.type) {
      case 'sync-step-1':
        this.#join(message.stateVector.slice(), room, live);
        return;
      case 'update':
        if (message.update.length > OFFLOAD_BYTES) {
          void this.#scanLarge(message.update.slice(), message.answer);
        } else {
          this.#submit(message.update, scanUpdate(message.update), message.answer, grant, room, live);
        }
        return;
      case 'presence':
        if (room.presence.apply(this, message.states, this.#deps.rooms.coarseNowMs)) room.announced(this);
        room.presenceChanged();
        return;
      case 'query-presence':
        this.#reply(this.codec.presence(room.encodePresence() ?? NOBODY));
        return;
      case 'probe':
        live.acknowledgements.probe(message.payload);
        this.#acknowledge(room, live);
        return;
    }
  }

  /** What follows a large update waits until it is scanned: order within a session is kept. */
  async #scanLarge(update: Uint8Array, answer: boolean): Promise<void> {
    this.#busy = true;
    try {
      const facts = await this.#deps.offload.scan(update);
      const state = this.#state;
      if (state.phase !== 'live') return;
      this.#submit(update, facts, answer, state.grant, state.room, state.live);
      this.#takeQueued();
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  #submit(update: Uint8Array, facts: UpdateFacts, answer: boolean, grant: Grant, room: Room, live: Live): void {
    if (answer) live.questionOpen = false;
    const complete =
      grant.access === 'write' ? this.#write(update, facts, answer, room, live) : this.#read(facts, room, live);
    if (answer) live.acknowledgements.answered(complete);
    this.#acknowledge(room, live);
  }

  /** Returns whether nothing of the update waits for missing edits. */
  #write(update: Uint8Array, facts: UpdateFacts, answer: boolean, room: Room, live: Live): boolean {
    const submission = room.submit(update, facts, answer, this.userId);
    if (submission === 'gap') {
      live.acknowledgements.gap('asked');
      if (!live.questionOpen) this.#ask(room, live);
      return false;
    }
    const waits = submission === 'appended-with-gap' || submission === 'known-waiting';
    live.acknowledgements.sent(room.acceptedSeq);
    if (waits) live.acknowledgements.gap('waiting');
    return !waits;
  }

  /** A reader's update changes nothing (I5). One that holds nothing new is as good as any: stock clients send them. */
  #read(facts: UpdateFacts, room: Room, live: Live): boolean {
    if (room.knows(facts)) return true;
    this.#deps.stats.updatesRefused++;
    live.acknowledgements.refuse();
    this.#reply(this.codec.denied('read only'));
    return false;
  }

  #ask(room: Room, live: Live): void {
    live.questionOpen = true;
    this.#reply(this.codec.syncStep1(room.durable.encodeStateVector()));
  }

  #join(stateVector: Uint8Array, room: Room, live: Live): void {
    if (live.waitingJoins >= MAX_WAITING_JOINS) throw new RefusedError('limit-reached', 'too many sync requests');
    live.waitingJoins++;
    this.#deps.stats.joins++;
    const answer = async (): Promise<void> => {
      await this.#answer(stateVector, room, live);
      live.waitingJoins--;
      if (live.waitingJoins === 0) live.joins = null;
    };
    live.joins = live.joins === null ? answer() : live.joins.then(answer);
  }

  async #answer(stateVector: Uint8Array, room: Room, live: Live): Promise<void> {
    try {
      // Whoever asks again without reading the last answer gets no more of them.
      await this.whenDrained();
      if (this.ended) return;
      await answerSyncStep1(room, stateVector, this, this.#deps.offload, () => {
        live.receiving = true;
      });
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  #sendPresence(room: Room): void {
    const present = room.encodePresence();
    if (present !== null) this.write(this.codec.presence(present));
  }

  #acknowledge(room: Room, live: Live): void {
    const { acknowledgements } = live;
    if (!acknowledgements.isWaiting) return;
    if (!room.hasGap) acknowledgements.gapsClosed(room.acceptedSeq);
    const payloads = acknowledgements.take(room.durableSeq);
    this.#deps.stats.probesAnswered += payloads.length;
    for (const payload of payloads) this.#reply(this.codec.saved(payload));
    if (acknowledgements.isWaiting && !this.ended) room.awaitCommit(this);
  }

  committed(): void {
    if (this.#state.phase === 'live') this.#acknowledge(this.#state.room, this.#state.live);
  }

  deliver(broadcast: Broadcast): void {
    if (this.#state.phase !== 'live') return;
    const { live } = this.#state;
    if (!live.receiving) {
      // The join brings what is durable until its end, but says nothing of who comes and goes.
      if (broadcast.presence !== null) this.#reply(this.codec.presence(broadcast.presence));
      return;
    }
    this.#lastWriteMs = this.#deps.rooms.coarseNowMs;
    try {
      live.outbox ??= new Outbox(this.#connection, this.#deps);
      live.outbox.deliver(broadcast);
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  deliverPresence(states: Uint8Array): void {
    this.#reply(this.codec.presence(states));
  }

  /** Writes past the outbox what is for this client alone, within the outbox's bound: it may ask and never read. */
  #reply(frames: Uint8Array): void {
    if (this.#connection.bufferedBytes < SLOW_BYTES) this.#unreadBytes = 0;
    this.#unreadBytes += frames.length;
    if (this.#unreadBytes > this.#deps.limits.maxOutboxBytes) this.end(new RefusedError('too-slow'));
    this.write(frames);
  }

  /** For the parts of a join, which wait for the socket to drain. */
  write(frames: Uint8Array): void {
    if (this.ended) return;
    this.#lastWriteMs = this.#deps.rooms.coarseNowMs;
    this.#connection.write(frames);
  }

  sweep(nowMs: number): void {
    if (nowMs - this.#lastWriteMs >= KEEP_ALIVE_MS) this.write(this.codec.presence(NOBODY));
  }

  whenDrained(): Promise<void> {
    if (this.ended || this.#connection.bufferedBytes < DRAIN_BYTES) return Promise.resolve();
    return new Promise((resolve) => (this.#drainWaiters ??= []).push(resolve));
  }

  /** The socket has taken everything that was written. */
  drained(): void {
    this.#wakeWriters();
    if (this.#state.phase !== 'live') return;
    const { room, live } = this.#state;
    live.outbox?.flush(() => room.encodePresence());
  }

  #wakeWriters(): void {
    const waiters = this.#drainWaiters ?? [];
    this.#drainWaiters = null;
    for (const resolve of waiters) resolve();
  }

  /** The socket is gone. */
  closed(): void {
    this.#close();
  }

  end(refusal: RefusedError): void {
    if (this.ended) return;
    const { sessionsEnded } = this.#deps.stats;
    sessionsEnded.set(refusal.code, (sessionsEnded.get(refusal.code) ?? 0) + 1);
    this.#deps.refused(this.#connection, this.#docId, refusal);
    this.#close();
    this.#connection.close(closeReason(refusal.code, refusal.message));
  }

  #close(): void {
    const state = this.#state;
    if (state.phase === 'closed') return;
    this.#state = { phase: 'closed' };
    this.#queue = null;
    if (state.phase === 'live') state.room.leave(this);
    this.#wakeWriters();
  }
}
