import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { closeReason, fitReason, RefusedError, toRefusal } from '../errors.ts';
import { drainBytes } from '../sync/connection.ts';
import type { CloseReason, Connection, ConnectionHandler } from '../sync/connection.ts';
import type { Tallied } from '../limits/tally.ts';
import { corkUntilSettled } from './cork.ts';
import { refusalOf } from './owned-web-socket.ts';
import type { OwnedWebSocket, WebSocketOwner } from './owned-web-socket.ts';
import type { TurnBudget } from './turn-budget.ts';
import { partialBytesOf, readsFrames, receive, takeCloseListener } from './ws-receiver.ts';

/** Owns all connections. */
export interface WsConnectionOwner {
  /** The budget of a turn of the event loop, which all connections share. */
  readonly turn: TurnBudget;
  /** Its session is live. Ends the deadline for that. */
  established(connection: WsConnection): void;
  /** The server is closing it with this code. Called again when further work was done for its earlier messages. */
  closing(connection: WsConnection, code: number): void;
  /** Delays a close with this code until the promise resolves; null to close at once. Called once. */
  holdClose(connection: WsConnection, code: number): Promise<void> | null;
  /**
   * It is being closed because of its client: a message was too large, not binary, unreadable, or refused by the
   * handler.
   */
  refused(connection: WsConnection, refusal: RefusedError): void;
  /**
   * Called once. `wastedMs` was spent on an incomplete message; 0 if `closing` has been called, which counts that time.
   */
  closed(connection: WsConnection, code: number, wastedMs: number): void;
}

/**
 * Milliseconds for each byte that is read, without handling the message: 3 ms per MB, half of it garbage collection.
 */
const readMs = 3 / 2 ** 20;
/** The same for each byte that is written. An answer is written later than the call that handles the question. */
const writeMs = 4 / 2 ** 20;

/** FIN and opcode 9, no mask, no payload. */
const pingFrame = Uint8Array.of(0x89, 0x00);
/** FIN and opcode 10; the length follows. */
const pongFin = 0x8a;

/** Bytes of a closed socket that are parsed between two checks of the turn budget. */
const sliceBytes = 16 * 1024;

/** A socket with a reference to its connection. */
interface OwnedSocket extends Socket {
  wsConnection?: WsConnection;
}

/** The `data` listener of every socket, in place of the one of `ws`. */
function arrives(this: OwnedSocket, chunk: Buffer): void {
  this.wsConnection?.arriving(chunk);
}

/** The `close` listener of every socket, in place of the one of `ws`. */
function hasClosed(this: OwnedSocket): void {
  this.wsConnection?.socketClosed();
}

/**
 * Removes the `data` listeners one by one. `removeAllListeners('data')` would turn the table of listeners into a
 * dictionary, which takes 800 bytes more per socket.
 */
function removeDataListeners(socket: Socket): void {
  for (const listener of socket.listeners('data')) socket.removeListener('data', listener as () => void);
}

/**
 * A `Connection` over a WebSocket of `ws`. Writes frames directly to the socket below. Without compression `ws` does
 * the same, so the order is kept.
 *
 * Has no timer and no closures of its own, because most of thousands of connections are idle.
 */
export class WsConnection implements Connection, WebSocketOwner {
  /** Pings in a row without any message or pong after them. */
  silentPings = 0;
  /** Recent event loop time spent on this connection, in milliseconds. The owner decays it. */
  workMs = 0;
  /** Its count among the connections of its address. Set by the owner. */
  admitted: Tallied | null = null;
  /** When it was opened, in ticks of the owner. Set by the owner. */
  openedTick = 0;
  /** When its next deadline or ping is due, in ticks of the owner. Set by the owner. */
  dueTick = 0;
  readonly #webSocket: OwnedWebSocket;
  readonly #socket: Socket;
  readonly #owner: WsConnectionOwner;
  /** Counts connections in the order in which they were opened. */
  readonly number: number;
  /** The document that its client asked for. */
  readonly documentName: string;
  #handler: ConnectionHandler | null = null;
  #awaitsDrain = false;
  /** The session has paused reading. */
  #isPaused = false;
  /** It waits for a later turn, in the list of the turn budget. */
  #isHeld = false;
  /** Bytes that may still be read before the client is authenticated; null for no limit. */
  #bytesLeft: number | null = null;
  /** That limit was exceeded, and reading waits. */
  #isPastLimit = false;
  /** The socket has closed, but `ws` does not know yet, because the remaining input waits for a turn. */
  #isGone = false;
  /** Tells `ws` that the socket has closed. */
  readonly #closeWebSocket: (this: Socket) => void;
  /** The code with which the server closes it; null while it is open. */
  #closeCode: number | null = null;

  /** `socket` is the socket below `webSocket`. `webSocket` must not answer pings itself. */
  constructor(
    number: number,
    documentName: string,
    webSocket: OwnedWebSocket,
    socket: OwnedSocket,
    owner: WsConnectionOwner,
  ) {
    this.number = number;
    this.documentName = documentName;
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#owner = owner;
    webSocket.binaryType = 'nodebuffer';
    webSocket.owner = this;
    socket.wsConnection = this;
    removeDataListeners(socket);
    socket.on('data', arrives);
    this.#closeWebSocket = takeCloseListener(socket);
    socket.on('close', hasClosed);
  }

  get id(): string {
    return `c${this.number}`;
  }

  /** The first handler is attached in the turn in which the connection was made. */
  attach(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  /** The session is live. May be called twice. */
  established(): void {
    this.#owner.established(this);
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  write(frames: Uint8Array): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN || this.#isGone) return;
    this.workMs += frames.length * writeMs;
    if (this.#socket.write(frames) || this.#awaitsDrain) return;
    // Only a socket that is behind has a listener. Few of thousands are.
    this.#awaitsDrain = true;
    this.#socket.once('drain', () => {
      this.#awaitsDrain = false;
      this.#drained();
    });
  }

  cork(): void {
    corkUntilSettled(this.#socket);
  }

  /** A repeated close is delayed, except with `atOnce` and on a second call. */
  close(reason: CloseReason, { atOnce = false } = {}): void {
    const isFirst = this.#closeCode === null;
    this.#closeCode = reason.code;
    this.#owner.closing(this, reason.code);
    const held = isFirst && !atOnce ? this.#owner.holdClose(this, reason.code) : null;
    if (held === null) {
      this.#sendClose(reason);
      return;
    }
    // Messages received until then would be dropped.
    this.pause();
    void held.then(() => this.#sendClose(reason));
  }

  #sendClose({ code, reason }: CloseReason): void {
    const wasPastLimit = this.#isPastLimit;
    this.limitReading(null);
    // A paused socket would never see the answer to our close frame.
    this.resume();
    this.#webSocket.close(code, fitReason(reason));
    if (wasPastLimit) this.#discard();
  }

  /** Drops further input, which may be a large message. Also drops the client's answer to the close frame. */
  #discard(): void {
    removeDataListeners(this.#socket);
    this.#socket.end();
    this.#socket.resume();
  }

  /** Memory of incomplete messages, plus bytes that were read and wait for their turn. */
  get partialBytes(): number {
    return partialBytesOf(this.#webSocket) + this.#socket.readableLength;
  }

  /** Memory of incomplete messages, and of messages that the handler has queued. Grows with the input of the client. */
  get messageBytes(): number {
    return partialBytesOf(this.#webSocket) + (this.#handler?.queuedBytes ?? 0);
  }

  /** The same plus the bytes in a paused socket: at most two chunks of 64 KB, independent of the input. */
  get waitingBytes(): number {
    return this.messageBytes + this.#socket.readableLength;
  }

  /** Closes the connection because of its client, and counts the refusal. */
  refuse(refusal: RefusedError, options: { readonly atOnce?: boolean } = {}): void {
    this.workMs += this.partialBytes * readMs;
    this.#owner.refused(this, refusal);
    this.close(closeReason(refusal.code, refusal.message), options);
  }

  /** Destroys the socket without a close frame. */
  terminate(): void {
    this.#webSocket.terminate();
  }

  pause(): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    this.#isPaused = true;
    this.#webSocket.pause();
  }

  resume(): void {
    this.#isPaused = false;
    // The socket delivers nothing during this call, which may come from the handler of an earlier message.
    if (!this.#isHeld && !this.#isPastLimit) this.#webSocket.resume();
  }

  limitReading(bytes: number | null): void {
    this.#bytesLeft = bytes;
    if (!this.#isPastLimit) return;
    this.#isPastLimit = false;
    if (!this.#isPaused) this.resume();
  }

  /**
   * Sends a ping. A paused connection does not count as silent, because its pong is not read; a dead peer resets the
   * socket.
   */
  ping(): void {
    if (!this.#webSocket.isPaused) this.silentPings++;
    this.write(pingFrame);
  }

  /**
   * @internal The socket has read a chunk. If the turn is spent, the chunk goes back into the socket. There it stays in
   * order before the end of the stream, and `socketClosed` takes it from there if the connection breaks.
   */
  arriving(chunk: Buffer): void {
    // After a close frame or a broken frame, `ws` resumes the socket only to notice its end.
    if (!readsFrames(this.#webSocket)) return;
    const { turn } = this.#owner;
    turn.begin();
    if (turn.isFull) {
      this.#hold();
      this.#socket.unshift(chunk);
      return;
    }
    if (this.#bytesLeft !== null) this.#countEarly(chunk.length);
    if (!receive(this.#webSocket, chunk)) this.#socket.pause();
  }

  #countEarly(bytes: number): void {
    this.#bytesLeft = (this.#bytesLeft ?? 0) - bytes;
    if (this.#bytesLeft >= 0 || this.#isPastLimit) return;
    this.#isPastLimit = true;
    this.#webSocket.pause();
  }

  /** @internal Called by `OwnedWebSocket`, like the methods below. */
  received(data: Buffer, isBinary: boolean): void {
    this.silentPings = 0;
    if (this.#handler === null || this.#closeCode !== null) return;
    if (!isBinary) {
      this.refuse(new RefusedError('binary-only'));
      return;
    }
    const { turn } = this.#owner;
    this.workMs += data.length * readMs;
    turn.begin();
    try {
      this.#handler.message(data);
    } catch (error) {
      this.refuse(toRefusal(error));
    }
    this.#endIfSpent(turn);
  }

  /** Ends the work on a message. If the turn is spent, the connection continues in a later turn. */
  #endIfSpent(turn: TurnBudget): void {
    this.workMs += turn.end();
    if (this.#closeCode !== null) this.#owner.closing(this, this.#closeCode);
    if (turn.isSpent) this.#hold();
  }

  #hold(): void {
    // Even if it waits already, because `ws` may have resumed the socket.
    this.#webSocket.pause();
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#owner.turn.hold(this);
  }

  /** @internal A later turn has time for this connection. */
  release(): void {
    this.#isHeld = false;
    try {
      this.#readHeld();
    } catch (error) {
      this.refuse(toRefusal(error));
    }
  }

  #readHeld(): void {
    if (this.#isGone) {
      this.#parseRest();
      return;
    }
    // A paused session gets the input in the socket after `resume`. A destroyed socket emits 'close' soon.
    if (this.#isPaused || this.#socket.destroyed) return;
    if (this.#socket.readableLength > 0) {
      // Emits 'data' during this call, so the turn budget measures it.
      this.#socket.read();
      this.#endIfSpent(this.#owner.turn);
    }
    if (!this.#isHeld && !this.#isPaused && !this.#isPastLimit) this.#webSocket.resume();
  }

  /**
   * @internal The socket has closed, perhaps by a reset. `ws` would parse all of its remaining input at once: up to 128
   * KB for each of the sockets that close in this turn.
   */
  socketClosed(): void {
    this.#isGone = this.#hasRest;
    if (this.#isGone) this.#hold();
    else this.#closeWebSocket.call(this.#socket);
  }

  get #hasRest(): boolean {
    return this.#socket.readableLength > 0 && !this.#socket.readableEnded && readsFrames(this.#webSocket);
  }

  /**
   * Parses the remaining input of a closed socket while the turn has time, and at its end tells `ws` about the close.
   */
  #parseRest(): void {
    const { turn } = this.#owner;
    while (this.#hasRest && !turn.isSpent) {
      // A closed socket emits no 'data' during this call.
      const chunk = this.#socket.read(Math.min(this.#socket.readableLength, sliceBytes)) as Buffer;
      receive(this.#webSocket, chunk);
      this.workMs += turn.end();
    }
    if (this.#hasRest) this.#hold();
    // A message that used up the turn has called #hold already.
    if (this.#isHeld) return;
    this.#isGone = false;
    this.#closeWebSocket.call(this.#socket);
  }

  #drained(): void {
    try {
      this.#handler?.drained();
    } catch (error) {
      this.refuse(toRefusal(error));
    }
  }

  /** @internal Sends a pong. A peer that does not read gets none, because pongs would accumulate. */
  pinged(data: Buffer): void {
    const { turn } = this.#owner;
    turn.begin();
    if (this.bufferedBytes < drainBytes) this.write(Buffer.concat([Uint8Array.of(pongFin, data.length), data]));
    this.#endIfSpent(turn);
  }

  /** @internal `ws` cannot read a frame and stops reading. Closes with this code, delayed if it repeats. */
  unreadable(code: number): void {
    const close = (): void => this.#webSocket.closeNow(code, closeReason(refusalOf(code)).reason);
    const held = this.#closeCode === null ? this.#owner.holdClose(this, code) : null;
    if (held === null) close();
    else void held.then(close);
  }

  /** @internal `ws` reports an error. It has already begun to close. */
  failed(error: Error & { code?: string }): void {
    // An error of the socket, such as a reset, is not a refusal. 'close' follows.
    if (error.code === undefined || !error.code.startsWith('WS_ERR_')) return;
    const isTooLarge = /^WS_ERR_UNSUPPORTED_(MESSAGE|DATA_PAYLOAD)_LENGTH$/.test(error.code);
    this.#owner.refused(this, new RefusedError(refusalOf(isTooLarge ? 1009 : 1002), undefined, { cause: error }));
  }

  /** @internal The WebSocket has closed. */
  ended(code: number, reason: Buffer): void {
    const handler = this.#handler;
    this.#handler = null;
    try {
      handler?.closed(code, reason.toString());
    } catch (error) {
      this.#owner.refused(this, toRefusal(error));
    }
    this.#owner.closed(this, code, this.#closeCode === null ? this.partialBytes * readMs : 0);
  }
}
