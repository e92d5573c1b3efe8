import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { closeReason, fitReason, RefusedError, toRefusal } from '../errors.ts';
import { DRAIN_BYTES } from '../sync/connection.ts';
import type { CloseReason, Connection, ConnectionHandler } from '../sync/connection.ts';
import type { Tallied } from '../limits/tally.ts';
import { corkUntilSettled } from './cork.ts';
import { refusalOf } from './owned-web-socket.ts';
import type { OwnedWebSocket, WebSocketOwner } from './owned-web-socket.ts';
import type { TurnBudget } from './turn-budget.ts';
import { partialBytesOf, readsFrames, receive, takeCloseListener } from './ws-receiver.ts';

/** Whoever keeps all connections. */
export interface WsConnectionOwner {
  /** What all connections share of a turn of the event loop. */
  readonly turn: TurnBudget;
  /** The session on it is live: deadlines for becoming so end here. */
  established(connection: WsConnection): void;
  /** We are closing it with this code; called again if more work is done for what it sent before. */
  closing(connection: WsConnection, code: number): void;
  /** How long to hold a close with this code back; null to close at once. Called once. */
  holdClose(connection: WsConnection, code: number): Promise<void> | null;
  /** It is being closed for what its client did: too large, not binary, unreadable, or refused by its handler. */
  refused(connection: WsConnection, refusal: RefusedError): void;
  /** Called once. `wastedMs` was spent on a message that will never be whole now, if nobody has been told of it yet. */
  closed(connection: WsConnection, code: number, wastedMs: number): void;
}

/** What a byte costs besides what becomes of the message, in milliseconds: 3 ms per MB that is read, half of it garbage. */
const READ_MS = 3 / 2 ** 20;
/** The same for what is written. An answer is put together later than in the call that hands over the question. */
const WRITE_MS = 4 / 2 ** 20;

/** FIN and opcode 9, no mask, no payload. */
const pingFrame = Uint8Array.of(0x89, 0x00);
/** FIN and opcode 10; the length follows. */
const PONG_FIN = 0x8a;

/** Bytes of a closed socket that are parsed between two looks at the turn budget. */
const SLICE_BYTES = 16 * 1024;

/** A socket that knows whose it is. */
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

/** `removeAllListeners('data')` would turn the table of listeners into a dictionary, which takes 800 bytes more per socket. */
function removeDataListeners(socket: Socket): void {
  for (const listener of socket.listeners('data')) socket.removeListener('data', listener as () => void);
}

/**
 * A `Connection` over a WebSocket of `ws`. Frames go straight to the socket below: `ws` writes there directly too as
 * long as it does not compress, so the order holds.
 *
 * Has no timer and no closure of its own: of thousands of connections most are idle.
 */
export class WsConnection implements Connection, WebSocketOwner {
  /** Pings in a row that nothing followed. Kept by the owner. */
  silentPings = 0;
  /** What the event loop has spent on it lately, in milliseconds. Kept by the owner. */
  workMs = 0;
  /** Its place among those of its address. Kept by the owner. */
  admitted: Tallied | null = null;
  /** When it was made, in ticks of the owner. Kept by the owner. */
  openedTick = 0;
  /** When the owner looks at it next, in its ticks. */
  dueTick = 0;
  readonly #webSocket: OwnedWebSocket;
  readonly #socket: Socket;
  readonly #owner: WsConnectionOwner;
  /** In the order in which connections were made. */
  readonly number: number;
  /** Which document its client asked for. */
  readonly documentName: string;
  #handler: ConnectionHandler | null = null;
  #awaitsDrain = false;
  /** The session wants nothing more for now. */
  #isPaused = false;
  /** It waits for a later turn, and is in the list of the turn budget. */
  #isHeld = false;
  /** What may still be read before it is known who the client is; null for any number. */
  #bytesLeft: number | null = null;
  /** More than that has come, and the rest must wait. */
  #isPastLimit = false;
  /** The socket has closed, and `ws` has not been told: its remaining input waits for a turn. */
  #isGone = false;
  /** Tells `ws` that the socket has closed. */
  readonly #closeWebSocket: (this: Socket) => void;
  /** With which we close it; null while we do not. */
  #closeCode: number | null = null;

  /** `socket` is the one below `webSocket`, which must not answer pings by itself. */
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

  /** From now on everything goes to `handler`. To be called in the turn in which the connection was made. */
  attach(handler: ConnectionHandler): void {
    this.#handler = handler;
  }

  /** The session is live. Twice is fine. */
  established(): void {
    this.#owner.established(this);
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  write(frames: Uint8Array): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN || this.#isGone) return;
    this.workMs += frames.length * WRITE_MS;
    if (this.#socket.write(frames) || this.#awaitsDrain) return;
    // Only a socket that is behind has a listener: of thousands hardly any is.
    this.#awaitsDrain = true;
    this.#socket.once('drain', () => {
      this.#awaitsDrain = false;
      this.#drained();
    });
  }

  cork(): void {
    corkUntilSettled(this.#socket);
  }

  /** A close that repeats is held back; not with `atOnce`, and not a second time. */
  close(reason: CloseReason, { atOnce = false } = {}): void {
    const isFirst = this.#closeCode === null;
    this.#closeCode = reason.code;
    this.#owner.closing(this, reason.code);
    const held = isFirst && !atOnce ? this.#owner.holdClose(this, reason.code) : null;
    if (held === null) {
      this.#sendClose(reason);
      return;
    }
    // What the client sends meanwhile would be dropped.
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

  /** Drops what the client still sends, for it may be a large message. Its answer to our close frame is dropped too. */
  #discard(): void {
    removeDataListeners(this.#socket);
    this.#socket.end();
    this.#socket.resume();
  }

  /** Memory that incomplete messages take, and bytes that have been read and wait for their turn. */
  get partialBytes(): number {
    return partialBytesOf(this.#webSocket) + this.#socket.readableLength;
  }

  /** Memory of messages that have come in part, or that the handler cannot take yet. Grows with what the client sends. */
  get messageBytes(): number {
    return partialBytesOf(this.#webSocket) + (this.#handler?.queuedBytes ?? 0);
  }

  /** The same with the bytes that a paused socket holds: two chunks of 64 KB at most, whatever the client sends. */
  get waitingBytes(): number {
    return this.messageBytes + this.#socket.readableLength;
  }

  /** Closes for what the client did, and has it counted. */
  refuse(refusal: RefusedError, options: { readonly atOnce?: boolean } = {}): void {
    this.workMs += this.partialBytes * READ_MS;
    this.#owner.refused(this, refusal);
    this.close(closeReason(refusal.code, refusal.message), options);
  }

  /** Ends the socket without a word. */
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

  /** Pings. One that is paused by us cannot answer: it is not held silent, but a dead peer resets the socket. */
  ping(): void {
    if (!this.#webSocket.isPaused) this.silentPings++;
    this.write(pingFrame);
  }

  /**
   * @internal The socket has read a chunk. If the turn is spent, the chunk goes back into the socket. There it stays in
   * order with the end of the stream, and `socketClosed` takes it from there if the connection breaks.
   */
  arriving(chunk: Buffer): void {
    // After a close frame or a broken frame `ws` resumes the socket, to notice its end.
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

  /** @internal For `OwnedWebSocket`, as everything that follows. */
  received(data: Buffer, isBinary: boolean): void {
    this.silentPings = 0;
    if (this.#handler === null || this.#closeCode !== null) return;
    if (!isBinary) {
      this.refuse(new RefusedError('binary-only'));
      return;
    }
    const { turn } = this.#owner;
    this.workMs += data.length * READ_MS;
    turn.begin();
    try {
      this.#handler.message(data);
    } catch (error) {
      this.refuse(toRefusal(error));
    }
    this.#endIfSpent(turn);
  }

  /** Whoever has used up what all share of a turn goes on in a later one. */
  #endIfSpent(turn: TurnBudget): void {
    this.workMs += turn.end();
    if (this.#closeCode !== null) this.#owner.closing(this, this.#closeCode);
    if (turn.isSpent) this.#hold();
  }

  #hold(): void {
    // Also if it waits already: `ws` may have resumed the socket.
    this.#webSocket.pause();
    if (this.#isHeld) return;
    this.#isHeld = true;
    this.#owner.turn.hold(this);
  }

  /** @internal The turn for which it had to wait has come. */
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
    // A paused session gets what the socket holds after `resume`. A socket that is destroyed emits 'close' soon.
    if (this.#isPaused || this.#socket.destroyed) return;
    if (this.#socket.readableLength > 0) {
      // Emits 'data' during this call, so the turn budget measures it.
      this.#socket.read();
      this.#endIfSpent(this.#owner.turn);
    }
    if (!this.#isHeld && !this.#isPaused && !this.#isPastLimit) this.#webSocket.resume();
  }

  /**
   * @internal The socket has closed, perhaps by a reset. `ws` would parse all input that it holds at once: up to 128 KB, and
   * many sockets may close in one turn.
   */
  socketClosed(): void {
    this.#isGone = this.#hasRest;
    if (this.#isGone) this.#hold();
    else this.#closeWebSocket.call(this.#socket);
  }

  get #hasRest(): boolean {
    return this.#socket.readableLength > 0 && !this.#socket.readableEnded && readsFrames(this.#webSocket);
  }

  /** Parses the input that a closed socket holds, as far as the turn has time, and at its end tells `ws`. */
  #parseRest(): void {
    const { turn } = this.#owner;
    while (this.#hasRest && !turn.isSpent) {
      // A closed socket emits no 'data' during this call.
      const chunk = this.#socket.read(Math.min(this.#socket.readableLength, SLICE_BYTES)) as Buffer;
      receive(this.#webSocket, chunk);
      this.workMs += turn.end();
    }
    if (this.#hasRest) this.#hold();
    // A message that has used up the turn has held it already.
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

  /** @internal A peer that pings and does not read gets no pongs: they would pile up. */
  pinged(data: Buffer): void {
    const { turn } = this.#owner;
    turn.begin();
    if (this.bufferedBytes < DRAIN_BYTES) this.write(Buffer.concat([Uint8Array.of(PONG_FIN, data.length), data]));
    this.#endIfSpent(turn);
  }

  /** @internal `ws` cannot read a frame, reads no more of it, and closes with this code: later, if that repeats. */
  unreadable(code: number): void {
    const close = (): void => this.#webSocket.closeNow(code, closeReason(refusalOf(code)).reason);
    const held = this.#closeCode === null ? this.#owner.holdClose(this, code) : null;
    if (held === null) close();
    else void held.then(close);
  }

  /** @internal `ws` has begun to close already. */
  failed(error: Error & { code?: string }): void {
    // An error of the socket (a reset, say) is no refusal; 'close' follows and says what there is to say.
    if (error.code === undefined || !error.code.startsWith('WS_ERR_')) return;
    const isTooLarge = /^WS_ERR_UNSUPPORTED_(MESSAGE|DATA_PAYLOAD)_LENGTH$/.test(error.code);
    this.#owner.refused(this, new RefusedError(refusalOf(isTooLarge ? 1009 : 1002), undefined, { cause: error }));
  }

  /** @internal */
  ended(code: number, reason: Buffer): void {
    const handler = this.#handler;
    this.#handler = null;
    try {
      handler?.closed(code, reason.toString());
    } catch (error) {
      this.#owner.refused(this, toRefusal(error));
    }
    this.#owner.closed(this, code, this.#closeCode === null ? this.partialBytes * READ_MS : 0);
  }
}
