import { defaultScanLimits, scanUpdate } from '../../../persistence/update/scan.ts';
import type { UpdateFacts } from '../../../persistence/update/scan.ts';
import { closeReason, toRefusal } from '../../errors.ts';
import type { RefusedError } from '../../errors.ts';
import type { LimitName } from '../../limits/limits.ts';
import type { LoadRate } from './load-rate.ts';
import type { Tallied } from '../../limits/tally.ts';
import type { BucketSize } from '../../limits/token-bucket.ts';
import type { UserSessions } from './user-sessions.ts';
import type { Connection, ConnectionHandler } from '../connection.ts';
import type { Grant, Person } from '../grant.ts';
import { maxStateVectorClients } from '../join/join.ts';
import { SyncAnswers } from '../join/sync-answers.ts';
import type { JoiningPeer, SyncAnswersDeps } from '../join/sync-answers.ts';
import { offloadInputBytes } from '../offload.ts';
import type { ClientMessage, Codec } from '../protocol/codec.ts';
import type { Broadcast } from '../room/broadcast.ts';
import type { Author } from '../room/intake.ts';
import type { Room } from '../room/room.ts';
import type { Rooms } from '../room/rooms.ts';
import { Acknowledgements } from './acknowledgements.ts';
import { MessageQueue } from './message-queue.ts';
import { noPresence, Outbox } from './outbox.ts';
import type { OutboxDeps } from './outbox.ts';
import { Pace } from './pace.ts';
import type { PaceLimits } from './pace.ts';

/** Clients up to y-websocket 2 reconnect at once after any close, with the same old copy. Newer ones stop. */
const oldCopyHoldMs = 2_000;

/** Shared by all sessions of one dialect, and by their handshakes. */
export interface SessionDeps extends OutboxDeps, SyncAnswersDeps {
  readonly rooms: Rooms;
  readonly userSessions: UserSessions;
  readonly loadRate: LoadRate;
  readonly limits: SessionLimits;
  /** Called when the server ends a session or a handshake. `docId` is the document that the client asked for. */
  refused(connection: Connection, docId: string, refusal: RefusedError): void;
}

export interface SessionLimits extends PaceLimits {
  /** In bytes of answers to SyncStep1. */
  readonly syncRate: BucketSize;
  readonly maxOutboxBytes: number;
  /** Bytes of messages that wait because they cannot be handled yet. */
  readonly maxQueuedBytes: number;
  /** Client ids that one session may add to its document. */
  readonly maxNewClients: number;
  readonly maxConnectionsPerDocument: number;
}

/** A client that may enter a room. */
export interface AdmittedClient {
  readonly connection: Connection;
  readonly grant: Grant;
  readonly room: Room;
  /** Its place among the sessions of its user, which the session gives back. */
  readonly user: Tallied | null;
  /** What counts as one address for the limits; null if no limit counts by address. */
  readonly addressKey: string | null;
}

/**
 * One client in one document, after its handshake: handles the client's messages, and is the room's peer.
 *
 * Has no timer and no closure of its own, and parts that are null until they are needed: of thousands of sessions most
 * are idle.
 */
export class Session implements JoiningPeer, Author, ConnectionHandler {
  readonly room: Room;
  newClientsLeft: number;
  unsavedBytes = 0;
  readonly #connection: Connection;
  readonly #deps: SessionDeps;
  readonly #user: Tallied | null;
  readonly #addressKey: string | null;
  readonly #outbox: Outbox;
  readonly #acknowledgements = new Acknowledgements();
  #grant: Grant;
  #ended = false;
  /** The client has sent something. Until then the deadline for handshakes applies. */
  #heard = false;
  /** The client was sent everything up to some moment, and must be sent everything after it. */
  #receiving = false;
  /**
   * Our SyncStep1 is not answered yet. The answer will contain everything that is missing, so one at a time is enough.
   */
  #awaitsAnswer = false;
  /** A large update is being scanned. Messages after it wait. */
  #busy = false;
  /** Null while no message waits. */
  #queue: MessageQueue | null = null;
  /** The size of the message that is being scanned. */
  #takingBytes = 0;
  /** Null while no tokens are spent. */
  #pace: Pace | null = null;
  /** Reading is paused, because the client has reached a limit. */
  #slowed = false;
  /** Null unless the client has sent SyncStep1 lately. */
  #answers: SyncAnswers | null = null;
  /** Bytes of presence that the client was sent and has not sent back yet. Stock clients send all of it back. */
  #echoBytes = 0;

  constructor({ connection, grant, room, user, addressKey }: AdmittedClient, deps: SessionDeps) {
    this.room = room;
    this.newClientsLeft = deps.limits.maxNewClients;
    this.#connection = connection;
    this.#deps = deps;
    this.#user = user;
    this.#addressKey = addressKey;
    this.#grant = grant;
    this.#outbox = new Outbox(this, connection, deps);
  }

  /** Joins the room, asks the client for what the room lacks, sends presence, and handles what the client has sent. */
  start(queue: MessageQueue | null): void {
    this.#queue = queue;
    try {
      this.room.join(this);
      this.#ask();
      const present = this.#presentFrames();
      if (present !== null) this.#outbox.write(present);
      this.#takeQueued();
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  get ended(): boolean {
    return this.#ended;
  }

  get grant(): Grant | null {
    return this.#ended ? null : this.#grant;
  }

  renew(grant: Grant): void {
    this.#grant = grant;
  }

  get userId(): string {
    return this.#grant.userId;
  }

  get person(): Person | null {
    return this.#grant.person;
  }

  get codec(): Codec {
    return this.#deps.codec;
  }

  /** The client's address; without limits by address its user, or its document. */
  get workKey(): string {
    return this.#addressKey ?? (this.userId || this.room.docId);
  }

  /** Handles one message of the client, or lets it wait. The order within a session is kept. */
  message(data: Uint8Array): void {
    if (this.#ended) return;
    try {
      // While the document is being deleted, messages wait until the room ends the session.
      if (this.#busy || this.room.isEnding) this.#enqueue(data);
      else this.#handle(data);
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  #enqueue(data: Uint8Array): void {
    this.#queue ??= new MessageQueue(this.#deps.limits.maxQueuedBytes);
    if (this.#queue.length === 0) this.#connection.pause();
    this.#queue.push(data);
  }

  #takeQueued(): void {
    const queue = this.#queue;
    if (queue === null) return;
    while (!this.#busy && !this.#ended && !this.room.isEnding && queue.length > 0) this.#handle(queue.shift()!);
    if (this.#ended || queue.length > 0) return;
    this.#queue = null;
    if (!this.#slowed) this.#connection.resume();
  }

  #handle(data: Uint8Array): void {
    const message = this.codec.decode(data);
    if (!this.#heard) {
      this.#heard = true;
      this.#connection.established();
    }
    if (message.type === 'presence') {
      this.#takePresence(message.states, data.length);
    } else {
      this.#count(data.length);
      this.#take(message, data.length);
    }
    if (this.#slowed || this.#ended) return;
    const limit = this.#receiveLimit();
    if (limit !== null) this.#slowDown(limit);
  }

  #take(message: Exclude<ClientMessage, { type: 'presence' }>, bytes: number): void {
    switch (message.type) {
      case 'sync-step-1':
        this.#join(message.stateVector.slice());
        return;
      case 'update':
        if (message.update.length > offloadInputBytes) {
          void this.#takeLarge(message.update.slice(), message.answer, bytes);
        } else {
          this.#submit(message.update, scanUpdate(message.update), message.answer);
        }
        return;
      case 'query-presence':
        this.#outbox.reply(this.#presentFrames() ?? this.codec.presence(noPresence));
        return;
      case 'probe':
        this.#acknowledgements.probe(message.payload);
        this.#acknowledge();
        return;
    }
  }

  #takePresence(states: Uint8Array, bytes: number): void {
    const { presence } = this.room;
    const nowMs = this.#deps.rooms.coarseNowMs;
    const changesBefore = presence.changes;
    const trimmedBefore = presence.trimmed;
    const announced = presence.apply(this, states, nowMs);
    this.#deps.stats.presenceTrimmed += presence.trimmed - trimmedBefore;
    this.room.restoreSight();
    const changed = presence.changes > changesBefore;
    if (!changed && states.length <= this.#echoBytes) {
      this.#echoBytes -= states.length;
      return;
    }
    const pace = this.#count(bytes);
    if (announced) this.room.announced(this);
    if (changed && !pace.showsPresence(nowMs)) {
      // The room has the change, and sends it with its next broadcast, or with its next sweep.
      this.#deps.stats.limitReached('presence-rate');
      return;
    }
    this.room.presenceChanged();
  }

  /** Scans a large update in the worker thread. */
  async #takeLarge(update: Uint8Array, answer: boolean, bytes: number): Promise<void> {
    this.#busy = true;
    this.#takingBytes = bytes;
    try {
      const facts = await this.#deps.offload.of(this.workKey, () => this.#ended).scan(update, defaultScanLimits);
      this.#takingBytes = 0;
      if (this.#ended) return;
      this.#submit(update, facts, answer);
      this.#busy = false;
      this.#takeQueued();
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  #submit(update: Uint8Array, facts: UpdateFacts, answer: boolean): void {
    if (answer) this.#awaitsAnswer = false;
    if (this.#grant.access === 'write') this.#write(update, facts, answer);
    else this.#read(facts);
    if (answer) this.#acknowledgements.answered();
    this.#acknowledge();
  }

  #write(update: Uint8Array, facts: UpdateFacts, answer: boolean): void {
    const submission = this.room.submit(update, facts, answer, this);
    if (submission === 'gap') {
      this.#acknowledgements.dropped();
      if (!this.#awaitsAnswer) this.#ask();
      return;
    }
    this.#acknowledgements.sent(this.room.acceptedSeq);
    // Its probes wait until the whole update has integrated.
    if (submission === 'appended-with-gap' || submission === 'known-waiting') this.#acknowledgements.waitFor(facts);
  }

  /**
   * A reader's update changes nothing (I5). Stock clients send updates with nothing new, so those are accepted, and are
   * saved when the original is.
   */
  #read(facts: UpdateFacts): void {
    if (this.room.knows(facts)) {
      this.#acknowledgements.sent(this.room.acceptedSeq);
      if (!this.room.integrates(facts)) this.#acknowledgements.waitFor(facts);
      return;
    }
    this.#deps.stats.updatesRefused++;
    this.#acknowledgements.refuse();
    this.#outbox.reply(this.codec.denied('read only'));
  }

  #ask(): void {
    this.#awaitsAnswer = true;
    this.#outbox.reply(this.codec.syncStep1(this.room.durable.encodeStateVector()));
  }

  #join(stateVector: Uint8Array): void {
    this.room.oldCopies?.checkStateVector(stateVector, maxStateVectorClients);
    this.#answers ??= new SyncAnswers(this, this.room, this.#deps);
    this.#answers.add(stateVector, () => {
      this.#receiving = true;
    });
  }

  /** Answers the probes before which everything is saved, and waits for the next commit if others are left. */
  #acknowledge(): void {
    const acknowledgements = this.#acknowledgements;
    if (!acknowledgements.isWaiting) return;
    acknowledgements.closeGaps(this.room);
    const payloads = acknowledgements.take(this.room.durableSeq);
    this.#deps.stats.probesAnswered += payloads.length;
    for (const payload of payloads) this.#outbox.reply(this.codec.saved(payload));
    if (acknowledgements.isWaiting && !this.#ended) this.room.awaitCommit(this);
  }

  /** Counts a message of the client. */
  #count(bytes: number): Pace {
    const { rooms, limits } = this.#deps;
    this.#pace ??= new Pace(limits, rooms.coarseNowMs);
    this.#pace.received(bytes, rooms.coarseNowMs);
    return this.#pace;
  }

  /** The limit because of which the client must be read later; null if there is none. */
  #receiveLimit(): LimitName | null {
    const { rooms } = this.#deps;
    if (rooms.unsaved.isAboveShare(this)) return 'unsaved-edits';
    return this.#pace?.receiveLimit(rooms.coarseNowMs) ?? null;
  }

  /** Pauses reading. Messages that were already read are still handled, and count. */
  #slowDown(limit: LimitName): void {
    this.#deps.stats.limitReached(limit);
    this.#slowed = true;
    this.#connection.pause();
    // Reading can go on as soon as the disk has more of the client's edits.
    this.room.awaitCommit(this);
  }

  #readOn(): void {
    if (this.#receiveLimit() !== null) return;
    this.#slowed = false;
    if (this.#queue === null) this.#connection.resume();
  }

  get queuedBytes(): number {
    return this.#takingBytes + (this.#queue?.bytes ?? 0);
  }

  committed(): void {
    if (this.#ended) return;
    try {
      this.#acknowledge();
      if (!this.#slowed || this.#ended) return;
      this.#readOn();
      if (this.#slowed) this.room.awaitCommit(this);
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  deliver(broadcast: Broadcast): void {
    if (this.#ended) return;
    const { presence } = broadcast;
    if (presence !== null) this.#echoBytes += presence.length;
    try {
      if (this.#receiving) this.#outbox.deliver(broadcast);
      // The join sends everything that is durable until its end, but no presence.
      else if (presence !== null) this.#outbox.reply(this.codec.presence(presence));
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  deliverPresence(states: Uint8Array): void {
    try {
      this.#outbox.reply(this.codec.presence(states));
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  /** Does what `Room.encodePresence` does, as frames. The client will send them back. */
  #presentFrames(gone?: ReadonlyMap<number, number>): Uint8Array | null {
    const present = this.room.encodePresence(gone);
    if (present === null) return null;
    this.#echoBytes += present.length;
    return this.codec.presence(present);
  }

  write(frames: Uint8Array): void {
    this.#outbox.write(frames);
  }

  whenDrained(): Promise<void> {
    return this.#outbox.whenDrained();
  }

  drained(): void {
    this.#outbox.drained((gone) => this.#presentFrames(gone));
  }

  sweep(nowMs: number): void {
    try {
      if (this.#pace?.isRested(nowMs) === true) this.#pace = null;
      if (this.#answers?.sweep(nowMs) === true) this.#answers = null;
      if (this.#slowed) this.#readOn();
      this.#outbox.keepAlive(nowMs);
    } catch (error) {
      this.end(toRefusal(error));
    }
  }

  end(refusal: RefusedError): void {
    if (this.#ended) return;
    // Deleting the document closes its log, which is no shutdown. The room ends the session when the outcome is known.
    if (refusal.code === 'shutting-down' && this.room.isEnding) return;
    this.#deps.stats.sessionEnded(refusal);
    this.#deps.refused(this.#connection, this.room.docId, refusal);
    this.#close();
    const close = (): void => this.#connection.close(closeReason(refusal.code, refusal.message));
    if (refusal.code === 'generation-changed') setTimeout(close, oldCopyHoldMs).unref();
    else close();
  }

  closed(): void {
    this.#close();
  }

  #close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#queue = null;
    this.#deps.userSessions.leave(this.#user);
    this.#answers?.close();
    this.#outbox.close();
    this.room.leave(this);
  }
}
