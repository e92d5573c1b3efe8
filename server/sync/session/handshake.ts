import { closeReason, limitReached, toRefusal } from '../../errors.ts';
import type { RefusedError } from '../../errors.ts';
import type { Tallied } from '../../limits/tally.ts';
import type { Connection, ConnectionHandler } from '../connection.ts';
import type { Grant } from '../grant.ts';
import { MessageQueue } from './message-queue.ts';
import { Session } from './session.ts';
import type { SessionDeps } from './session.ts';

/** Bytes read before access is checked: many times the messages of a stock client without offline edits. */
const maxEarlyBytes = 64 * 1024;

/** The document that a client asks for, and the check of its access. */
export interface HandshakeRequest {
  readonly docId: string;
  /** What counts as one address for the limits; null if no limit counts by address. */
  readonly addressKey: string | null;
  /**
   * Resolves with what the client may do; rejects with RefusedError. `isGone` returns true once the client has left. It
   * may also be asked later, when the grant is renewed.
   */
  authorize(isGone: () => boolean): Promise<Grant>;
}

/**
 * A client on its way into a document: checks its access, then loads the document. Nothing is sent meanwhile, and
 * messages wait. A `Session` replaces it on the connection when the document is loaded.
 */
export class Handshake implements ConnectionHandler {
  readonly #connection: Connection;
  readonly #request: HandshakeRequest;
  readonly #deps: SessionDeps;
  /** Null until a message has come. */
  #queue: MessageQueue | null = null;
  /** The place among the sessions of its user. */
  #user: Tallied | null = null;
  /** The session that has taken over. */
  #session: Session | null = null;
  #ended = false;

  /** Starts the handshake of a new connection. The caller attaches it in the same turn. */
  static start(connection: Connection, request: HandshakeRequest, deps: SessionDeps): Handshake {
    const handshake = new Handshake(connection, request, deps);
    void handshake.#run();
    return handshake;
  }

  private constructor(connection: Connection, request: HandshakeRequest, deps: SessionDeps) {
    this.#connection = connection;
    this.#request = request;
    this.#deps = deps;
  }

  /** Resolves when the session is live or the handshake has ended; never rejects. */
  async #run(): Promise<void> {
    const { rooms, userSessions, loadRate, limits } = this.#deps;
    const { addressKey } = this.#request;
    try {
      this.#connection.limitReading(maxEarlyBytes);
      const grant = await this.#request.authorize(() => this.#isGone);
      if (this.#ended) return;
      this.#connection.limitReading(null);
      this.#user = userSessions.enter(grant.userId);
      if (!rooms.isOpen(grant.docId)) await loadRate.turn(addressKey);
      if (this.#ended) return;
      const room = await rooms.get(grant.docId);
      if (this.#ended) return;
      if (room.peers.size >= limits.maxConnectionsPerDocument) throw limitReached('connections-per-document');
      this.#handOver(
        new Session({ connection: this.#connection, grant, room, user: this.#user, addressKey }, this.#deps),
      );
    } catch (error) {
      this.#end(toRefusal(error));
    }
  }

  #handOver(session: Session): void {
    const queue = this.#queue;
    this.#session = session;
    this.#queue = null;
    this.#connection.attach(session);
    // A client has usually sent SyncStep1 by now. Our SyncStep1, presence and the answer then go out in one write.
    this.#connection.cork();
    session.start(queue);
  }

  get #isGone(): boolean {
    return this.#session?.ended ?? this.#ended;
  }

  /** The connection is paused while messages wait, so only those come that were already read. */
  message(data: Uint8Array): void {
    if (this.#ended) return;
    try {
      this.#queue ??= new MessageQueue(this.#deps.limits.maxQueuedBytes);
      if (this.#queue.length === 0) this.#connection.pause();
      this.#queue.push(data);
    } catch (error) {
      this.#end(toRefusal(error));
    }
  }

  get queuedBytes(): number {
    return this.#queue?.bytes ?? 0;
  }

  /** Not called: a handshake writes nothing. */
  drained(): void {}

  closed(): void {
    this.#close();
  }

  #end(refusal: RefusedError): void {
    if (this.#ended) return;
    const { stats, refused } = this.#deps;
    stats.sessionEnded(refusal);
    refused(this.#connection, this.#request.docId, refusal);
    this.#close();
    this.#connection.close(closeReason(refusal.code, refusal.message));
  }

  #close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#queue = null;
    this.#deps.userSessions.leave(this.#user);
  }
}
