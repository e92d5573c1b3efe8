import { scanUpdate, type UpdateFacts } from '../../persistence/update/scan.ts';
import { RefusedError, toRefusal } from '../errors.ts';
import { Acknowledgements } from './acknowledgements.ts';
import type { Broadcast } from './broadcast.ts';
import type { ClientMessage } from './codec.ts';
import type { Connection } from './connection.ts';
import type { Grant } from './grant.ts';
import { answerSyncStep1, type JoinSink, MAX_STATE_VECTOR_CLIENTS } from './join.ts';
import { OFFLOAD_BYTES, type Offload } from './offload.ts';
import { Outbox, type OutboxDeps } from './outbox.ts';
import type { Peer } from './peer.ts';
import type { Room } from './room.ts';
import type { Rooms } from './rooms.ts';

/** SyncStep1 that wait for their turn. A client asks once per connect, or every few seconds (`resyncInterval`). */
const MAX_WAITING_JOINS = 8;
/** An awareness update about nobody: the sign of life that a client without presence needs. */
export const NOBODY = Uint8Array.of(0);

export interface LiveSessionDeps extends OutboxDeps {
  readonly rooms: Rooms;
  readonly offload: Offload;
}

/** The session as its live part sees it. */
export interface LivePeer extends Peer, JoinSink {
  /** Writes what is for this client alone, bounded: it may ask and never read. */
  reply(frames: Uint8Array): void;
}

/** What a session does once it has a grant and a room. Ends with its session. */
export class LiveSession {
  readonly room: Room;
  grant: Grant;
  readonly #peer: LivePeer;
  readonly #connection: Connection;
  readonly #deps: LiveSessionDeps;
  readonly #acknowledgements = new Acknowledgements();
  /** Null until the room has sent something: of thousands of sessions most are idle. */
  #outbox: Outbox | null = null;
  /** Answers to SyncStep1 run one after the other; resolves when the last one that was asked for is done. Null: none runs. */
  #joins: Promise<void> | null = null;
  #waitingJoins = 0;
  /** The client has been sent everything up to some moment, and must be sent everything after it. */
  #receiving = false;
  /** A SyncStep1 of ours that the client has not answered yet. One at a time: its answer will contain what we miss. */
  #questionOpen = false;

  constructor(peer: LivePeer, connection: Connection, grant: Grant, room: Room, deps: LiveSessionDeps) {
    this.#peer = peer;
    this.#connection = connection;
    this.grant = grant;
    this.room = room;
    this.#deps = deps;
  }

  /** Joins the room; asks the client for what the room lacks and shows it who is here. */
  start(): void {
    this.room.join(this.#peer);
    this.#connection.established();
    this.#ask();
    const present = this.room.encodePresence();
    if (present !== null) this.#peer.write(this.#deps.codec.presence(present));
  }

  /**
   * Takes one message of the client, valid only during the call. Null, or a promise that resolves when what follows may
   * be taken: order within a session is kept. Throws and rejects with what ends the session.
   */
  take(message: ClientMessage): Promise<void> | null {
    if (message.type === 'update' && message.update.length > OFFLOAD_BYTES) {
      return this.#takeLarge(message.update.slice(), message.answer);
    }
    this.#takeAtOnce(message);
    return null;
  }

  #takeAtOnce(message: ClientMessage): void {
    switch (message.type) {
      case 'sync-step-1':
        this.#join(message.stateVector.slice());
        return;
      case 'update':
        this.#submit(message.update, scanUpdate(message.update), message.answer);
        return;
      case 'presence':
        if (this.room.presence.apply(this.#peer, message.states, this.#deps.rooms.coarseNowMs)) {
          this.room.announced(this.#peer);
        }
        this.room.presenceChanged();
        return;
      case 'query-presence':
        this.#peer.reply(this.#deps.codec.presence(this.room.encodePresence() ?? NOBODY));
        return;
      case 'probe':
        this.#acknowledgements.probe(message.payload);
        this.acknowledge();
        return;
    }
  }

  async #takeLarge(update: Uint8Array, answer: boolean): Promise<void> {
    const facts = await this.#deps.offload.scan(update);
    if (!this.#peer.ended) this.#submit(update, facts, answer);
  }

  #submit(update: Uint8Array, facts: UpdateFacts, answer: boolean): void {
    if (answer) this.#questionOpen = false;
    const complete = this.grant.access === 'write' ? this.#write(update, facts, answer) : this.#read(facts);
    if (answer) this.#acknowledgements.answered(complete);
    this.acknowledge();
  }

  /** Returns whether nothing of the update waits for missing edits. */
  #write(update: Uint8Array, facts: UpdateFacts, answer: boolean): boolean {
    const submission = this.room.submit(update, facts, answer, this.grant.userId);
    if (submission === 'gap') {
      this.#acknowledgements.gap('asked');
      if (!this.#questionOpen) this.#ask();
      return false;
    }
    const waits = submission === 'appended-with-gap' || submission === 'known-waiting';
    this.#acknowledgements.sent(this.room.acceptedSeq);
    if (waits) this.#acknowledgements.gap('waiting');
    return !waits;
  }

  /** A reader's update changes nothing (I5). One that holds nothing new is as good as any: stock clients send them. */
  #read(facts: UpdateFacts): boolean {
    if (this.room.knows(facts)) return true;
    this.#deps.stats.updatesRefused++;
    this.#acknowledgements.refuse();
    this.#peer.reply(this.#deps.codec.denied('read only'));
    return false;
  }

  #ask(): void {
    this.#questionOpen = true;
    this.#peer.reply(this.#deps.codec.syncStep1(this.room.durable.encodeStateVector()));
  }

  #join(stateVector: Uint8Array): void {
    this.room.oldCopies?.checkStateVector(stateVector, MAX_STATE_VECTOR_CLIENTS);
    if (this.#waitingJoins >= MAX_WAITING_JOINS) throw new RefusedError('limit-reached', 'too many sync requests');
    this.#waitingJoins++;
    this.#deps.stats.joins++;
    const answer = async (): Promise<void> => {
      await this.#answer(stateVector);
      this.#waitingJoins--;
      if (this.#waitingJoins === 0) this.#joins = null;
    };
    this.#joins = this.#joins === null ? answer() : this.#joins.then(answer);
  }

  async #answer(stateVector: Uint8Array): Promise<void> {
    const peer = this.#peer;
    try {
      // Whoever asks again without reading the last answer gets no more of them.
      await peer.whenDrained();
      if (peer.ended) return;
      await answerSyncStep1(this.room, stateVector, peer, this.#deps.offload, () => {
        this.#receiving = true;
      });
    } catch (error) {
      peer.end(toRefusal(error));
    }
  }

  /** Says "saved" for whatever has become so, and waits for the rest. */
  acknowledge(): void {
    const acknowledgements = this.#acknowledgements;
    if (!acknowledgements.isWaiting) return;
    if (!this.room.hasGap) acknowledgements.gapsClosed(this.room.acceptedSeq);
    const payloads = acknowledgements.take(this.room.durableSeq);
    this.#deps.stats.probesAnswered += payloads.length;
    for (const payload of payloads) this.#peer.reply(this.#deps.codec.saved(payload));
    if (acknowledgements.isWaiting && !this.#peer.ended) this.room.awaitCommit(this.#peer);
  }

  /** Whether the broadcast is on its way to the socket. Throws RefusedError if the client is too slow. */
  deliver(broadcast: Broadcast): boolean {
    if (!this.#receiving) {
      // The join brings what is durable until its end, but says nothing of who comes and goes.
      if (broadcast.presence !== null) this.#peer.reply(this.#deps.codec.presence(broadcast.presence));
      return false;
    }
    this.#outbox ??= new Outbox(this.#connection, this.#deps);
    this.#outbox.deliver(broadcast);
    return true;
  }

  /** The socket has taken everything that was written. */
  drained(): void {
    this.#outbox?.flush(() => this.room.encodePresence());
  }
}
