import { defaultScanLimits, scanUpdate, type UpdateFacts } from '../../../persistence/update/scan.ts';
import type { LimitName } from '../../limits/limits.ts';
import { Acknowledgements } from './acknowledgements.ts';
import type { Broadcast } from '../room/broadcast.ts';
import type { ClientMessage, Codec } from '../protocol/codec.ts';
import type { Connection } from '../connection.ts';
import type { Grant } from '../grant.ts';
import type { Author } from '../room/intake.ts';
import { MAX_STATE_VECTOR_CLIENTS } from '../join/join.ts';
import { type JoiningPeer, Joins, type JoinsDeps } from '../join/joins.ts';
import { OFFLOAD_INPUT_BYTES } from '../offload.ts';
import { Outbox, type OutboxDeps } from './outbox.ts';
import { Pace, type PaceLimits } from './pace.ts';
import type { Room } from '../room/room.ts';
import type { Rooms } from '../room/rooms.ts';

/** An awareness update about nobody: the sign of life that a client without presence needs. */
export const NOBODY = Uint8Array.of(0);

export interface LiveSessionDeps extends OutboxDeps, JoinsDeps {
  readonly rooms: Rooms;
  readonly limits: OutboxDeps['limits'] & JoinsDeps['limits'] & PaceLimits & { readonly maxNewClients: number };
}

/** The session as its live part sees it. */
export interface LivePeer extends JoiningPeer {
  /** Writes what is for this client alone, bounded: it may ask and never read. */
  reply(frames: Uint8Array): void;
}

/** What a session does once it has a grant and a room. Ends with its session. */
export class LiveSession implements Author {
  readonly room: Room;
  grant: Grant;
  newClientsLeft: number;
  unsavedBytes = 0;
  readonly #peer: LivePeer;
  readonly #connection: Connection;
  readonly #deps: LiveSessionDeps;
  readonly #acknowledgements = new Acknowledgements();
  /** Null until the room has sent something: of thousands of sessions most are idle. */
  #outbox: Outbox | null = null;
  /** Null when the client has not asked for long. */
  #joins: Joins | null = null;
  /** The client has said something: until then the deadline for handshakes goes on. */
  #heard = false;
  /** The client has been sent everything up to some moment, and must be sent everything after it. */
  #receiving = false;
  /** A SyncStep1 of ours that the client has not answered yet. One at a time: its answer will contain what we miss. */
  #questionOpen = false;
  /** Of each client the clock up to which something that this session sent waits for missing edits; null if nothing does. */
  #waitingClocks: Map<number, number> | null = null;
  /** Null while nothing is spent of it. */
  #pace: Pace | null = null;
  /** The client has sent too much. */
  #isAhead = false;
  /** Presence that was sent to the client and that it has not sent back yet, in bytes: stock clients echo all of it. */
  #echoBytes = 0;

  constructor(peer: LivePeer, connection: Connection, grant: Grant, room: Room, deps: LiveSessionDeps) {
    this.#peer = peer;
    this.#connection = connection;
    this.grant = grant;
    this.room = room;
    this.#deps = deps;
    this.newClientsLeft = deps.limits.maxNewClients;
  }

  get userId(): string {
    return this.grant.userId;
  }

  get codec(): Codec {
    return this.#deps.codec;
  }

  /** Joins the room; asks the client for what the room lacks and shows it who is here. */
  start(): void {
    this.room.join(this.#peer);
    this.#ask();
    const present = this.#presentFrames();
    if (present !== null) this.#peer.write(present);
  }

  /** As `Room.encodePresence`, as frames that the client will send back. */
  #presentFrames(gone?: ReadonlyMap<number, number>): Uint8Array | null {
    const present = this.room.encodePresence(gone);
    if (present === null) return null;
    this.#echoBytes += present.length;
    return this.codec.presence(present);
  }

  /**
   * Takes one message of the client, valid only during the call; `bytes` is its size. Null, or a promise that resolves when
   * what follows may be taken: order within a session is kept. Throws and rejects with what ends the session.
   */
  take(message: ClientMessage, bytes: number): Promise<void> | null {
    if (!this.#heard) {
      this.#heard = true;
      this.#connection.established();
    }
    if (message.type === 'presence') {
      this.#takePresence(message.states, bytes);
      return null;
    }
    this.#received(bytes);
    if (message.type === 'update' && message.update.length > OFFLOAD_INPUT_BYTES) {
      return this.#takeLarge(message.update.slice(), message.answer);
    }
    this.#takeAtOnce(message);
    return null;
  }

  #takeAtOnce(message: Exclude<ClientMessage, { type: 'presence' }>): void {
    switch (message.type) {
      case 'sync-step-1':
        this.#join(message.stateVector.slice());
        return;
      case 'update':
        this.#submit(message.update, scanUpdate(message.update), message.answer);
        return;
      case 'query-presence':
        this.#peer.reply(this.#presentFrames() ?? this.codec.presence(NOBODY));
        return;
      case 'probe':
        this.#acknowledgements.probe(message.payload);
        this.acknowledge();
        return;
    }
  }

  #takePresence(states: Uint8Array, bytes: number): void {
    const { presence } = this.room;
    const nowMs = this.#deps.rooms.coarseNowMs;
    const changesBefore = presence.changes;
    const trimmedBefore = presence.trimmed;
    const announced = presence.apply(this.#peer, states, nowMs);
    this.#deps.stats.presenceTrimmed += presence.trimmed - trimmedBefore;
    this.room.restoreSight();
    const changed = presence.changes > changesBefore;
    if (!changed && states.length <= this.#echoBytes) {
      this.#echoBytes -= states.length;
      return;
    }
    const pace = this.#received(bytes);
    if (announced) this.room.announced(this.#peer);
    if (changed && !pace.showsPresence(nowMs)) {
      // It is known, and goes out with whatever the room sends next: its sweep, at the latest.
      this.#deps.stats.limitReached('presence-rate');
      return;
    }
    this.room.presenceChanged();
  }

  #received(bytes: number): Pace {
    const { rooms, limits } = this.#deps;
    this.#pace ??= new Pace(limits, rooms.coarseNowMs);
    this.#isAhead = !this.#pace.received(bytes, rooms.coarseNowMs);
    return this.#pace;
  }

  /** Why the client must be read later; null if it need not. */
  get receiveLimit(): LimitName | null {
    if (this.#deps.rooms.unsaved.isAboveShare(this)) return 'unsaved-edits';
    if (!this.#isAhead) return null;
    return this.#pace?.receiveLimit(this.#deps.rooms.coarseNowMs) ?? null;
  }

  /** Called about once a second with the time of `RoomsDeps.now`. */
  sweep(nowMs: number): void {
    if (this.#pace?.isRested(nowMs) === true) this.#pace = null;
    if (this.#joins?.sweep(nowMs) === true) this.#joins = null;
  }

  /** The session has ended. */
  close(): void {
    this.#joins?.close();
    this.#outbox?.discard();
  }

  async #takeLarge(update: Uint8Array, answer: boolean): Promise<void> {
    const peer = this.#peer;
    const facts = await this.#deps.offload.of(peer.workKey, () => peer.ended).scan(update, defaultScanLimits);
    if (!this.#peer.ended) this.#submit(update, facts, answer);
  }

  #submit(update: Uint8Array, facts: UpdateFacts, answer: boolean): void {
    if (answer) this.#questionOpen = false;
    if (this.grant.access === 'write') this.#write(update, facts, answer);
    else this.#read(facts);
    if (answer) this.#acknowledgements.answered();
    this.acknowledge();
  }

  #write(update: Uint8Array, facts: UpdateFacts, answer: boolean): void {
    const submission = this.room.submit(update, facts, answer, this);
    if (submission === 'gap') {
      this.#acknowledgements.gap('asked');
      if (!this.#questionOpen) this.#ask();
      return;
    }
    this.#acknowledgements.sent(this.room.acceptedSeq);
    if (submission === 'appended-with-gap' || submission === 'known-waiting') this.#waitFor(facts);
  }

  /**
   * A reader's update changes nothing (I5). One that holds nothing new is accepted, for stock clients send such updates; it
   * is saved when the original is.
   */
  #read(facts: UpdateFacts): void {
    if (this.room.knows(facts)) {
      this.#acknowledgements.sent(this.room.acceptedSeq);
      if (!this.room.integrates(facts)) this.#waitFor(facts);
      return;
    }
    this.#deps.stats.updatesRefused++;
    this.#acknowledgements.refuse();
    this.#peer.reply(this.codec.denied('read only'));
  }

  /** Nothing is saved until all of the update has integrated. */
  #waitFor({ intervals, deletes }: UpdateFacts): void {
    this.#acknowledgements.gap('waiting');
    const clocks = (this.#waitingClocks ??= new Map());
    for (const ranges of [intervals, deletes]) {
      for (let i = 0; i < ranges.length; i += 3) {
        const client = ranges[i] as number;
        clocks.set(client, Math.max(clocks.get(client) ?? 0, ranges[i + 2] as number));
      }
    }
  }

  /** Looks whether what this session sent still waits. A gap that others left open does not matter. */
  #closeGaps(): void {
    const clocks = this.#waitingClocks;
    if (clocks === null) return;
    for (const [client, clock] of clocks) {
      if (!this.room.hasIntegrated(client, clock)) return;
      clocks.delete(client);
    }
    this.#waitingClocks = null;
    this.#acknowledgements.gapsClosed(this.room.acceptedSeq);
  }

  #ask(): void {
    this.#questionOpen = true;
    this.#peer.reply(this.codec.syncStep1(this.room.durable.encodeStateVector()));
  }

  #join(stateVector: Uint8Array): void {
    this.room.oldCopies?.checkStateVector(stateVector, MAX_STATE_VECTOR_CLIENTS);
    this.#joins ??= new Joins(this.#peer, this.room, this.#deps);
    this.#joins.add(stateVector, () => {
      this.#receiving = true;
    });
  }

  /** Says "saved" for whatever has become so, and waits for the rest. */
  acknowledge(): void {
    const acknowledgements = this.#acknowledgements;
    if (!acknowledgements.isWaiting) return;
    this.#closeGaps();
    const payloads = acknowledgements.take(this.room.durableSeq);
    this.#deps.stats.probesAnswered += payloads.length;
    for (const payload of payloads) this.#peer.reply(this.codec.saved(payload));
    if (acknowledgements.isWaiting && !this.#peer.ended) this.room.awaitCommit(this.#peer);
  }

  /** Whether the broadcast is on its way to the socket. Throws RefusedError if the client is too slow. */
  deliver(broadcast: Broadcast): boolean {
    if (broadcast.presence !== null) this.#echoBytes += broadcast.presence.length;
    if (!this.#receiving) {
      // The join brings what is durable until its end, but says nothing of who comes and goes.
      if (broadcast.presence !== null) this.#peer.reply(this.codec.presence(broadcast.presence));
      return false;
    }
    this.#outbox ??= new Outbox(this.#peer, this.#connection, this.#deps);
    this.#outbox.deliver(broadcast);
    return true;
  }

  /** The socket has taken everything that was written. */
  drained(): void {
    this.#outbox?.flush((gone) => this.#presentFrames(gone));
  }
}
