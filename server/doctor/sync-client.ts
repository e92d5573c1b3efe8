import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import { openConnection } from './connection.ts';
import { inTime } from './deadline.ts';
import type { DoctorDeps, Examination, HostAddress } from './examination.ts';
import { pathTo, tokenProtocols } from './document-request.ts';
import { hostHeader } from './target.ts';
import { answerOf, readBody } from './upgrade-request.ts';
import type { UpgradeAnswer } from './upgrade-request.ts';

/** A message of the y-websocket protocol (docs/protocol.md). */
export type Message =
  | { readonly type: 'sync-step-1' | 'sync-step-2' | 'update' | 'probe'; readonly payload: Uint8Array }
  | { readonly type: 'denied'; readonly reason: string }
  | { readonly type: 'awareness' };

/** The WebSocket was closed. `reason` is from its close frame. */
export class ClosedError extends Error {
  override readonly name = 'ClosedError';
  readonly closeCode: number;
  readonly reason: string;

  constructor(closeCode: number, reason: string) {
    super(`closed with ${closeCode}`);
    this.closeCode = closeCode;
    this.reason = reason;
  }
}

/** The WebSocket did not open. */
export class NotOpenedError extends Error {
  override readonly name = 'NotOpenedError';
  readonly address: HostAddress;
  /** The HTTP response that came instead. Null if there was none that could be read; `cause` then says why. */
  readonly answer: UpgradeAnswer | null;

  constructor(address: HostAddress, answer: UpgradeAnswer | null, cause?: unknown) {
    super('the WebSocket did not open', { cause });
    this.address = address;
    this.answer = answer;
  }
}

/** How long to wait for the first answer. Quire delays repeated refusals by up to 4 s. */
export function firstAnswerMs({ stepTimeoutMs }: DoctorDeps): number {
  return stepTimeoutMs * 1.5;
}

/** The server denied access to this document, with a reason. */
export class DeniedError extends Error {
  override readonly name = 'DeniedError';
}

/** The server sent something that is not a message of the sync protocol. */
export class StrangeMessageError extends Error {
  override readonly name = 'StrangeMessageError';
  readonly kind: 'text' | 'echo' | 'unreadable' | 'frame';

  constructor(kind: 'text' | 'echo' | 'unreadable' | 'frame', detail = '') {
    super(detail);
    this.kind = kind;
  }
}

const syncTypes = ['sync-step-1', 'sync-step-2', 'update'] as const;
const probeType = 102;
const nothing = Uint8Array.of(0, 0);

/** The server answered with an HTTP response instead of a WebSocket. */
class RejectedError extends Error {
  override readonly name = 'RejectedError';
  readonly answer: UpgradeAnswer;

  constructor(answer: UpgradeAnswer) {
    super(`status ${answer.status}`);
    this.answer = answer;
  }
}

/**
 * A client of one document that works with messages, without a Y.Doc. Answers each SyncStep1 with an empty SyncStep2.
 */
export class SyncClient {
  /** Whether anything has been received, pings included. */
  heard = false;
  /** Whether a message of y-websocket has been received. */
  understood = false;
  /** Rejects when the connection fails, with ClosedError or StrangeMessageError. */
  readonly failed: Promise<never>;
  #rejectFailed: (error: Error) => void = () => {};
  readonly #webSocket: WebSocket;
  readonly #timeoutMs: number;
  #queue: Message[] = [];
  #failure: Error | null = null;
  #wake: () => void = () => {};
  /** A state vector with a client id that does not exist. Only an echo service sends it back. */
  readonly #mark = Uint8Array.of(1, ...varUint(Math.floor(Math.random() * 2 ** 32)), 1);

  /** Opens a WebSocket at an address, by default the first one. Rejects with NotOpenedError. */
  static async open(
    examination: Examination,
    document: string,
    address: HostAddress = examination.address!,
  ): Promise<SyncClient> {
    try {
      const client = new SyncClient(examination, document, await openConnection(examination, address));
      await client.#opened();
      return client;
    } catch (error) {
      if (error instanceof RejectedError) throw new NotOpenedError(address, error.answer);
      throw new NotOpenedError(address, null, error);
    }
  }

  private constructor(examination: Examination, document: string, socket: Socket) {
    const { target, deps } = examination;
    this.#timeoutMs = deps.stepTimeoutMs;
    this.failed = new Promise<never>((_, reject) => {
      this.#rejectFailed = reject;
    });
    // Not every caller waits for it.
    this.failed.catch(() => {});
    // `socket` is already a TLS socket if the target has TLS.
    const url = `ws://${hostHeader(target)}${pathTo(examination, document)}`;
    const webSocket = new WebSocket(url, [...tokenProtocols(examination)], {
      perMessageDeflate: false,
      headers: { Host: hostHeader(target) },
      ...(target.origin === null ? {} : { origin: target.origin }),
      createConnection: () => socket,
    });
    this.#webSocket = webSocket;
    webSocket.binaryType = 'nodebuffer';
    webSocket.on('ping', () => (this.heard = true));
    webSocket.on('message', (data: Buffer, isBinary) => {
      this.heard = true;
      if (isBinary) this.#receive(data);
      else this.#fail(new StrangeMessageError('text'));
    });
    webSocket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code?.startsWith('WS_ERR_')) this.#fail(new StrangeMessageError('frame', error.message));
    });
    webSocket.on('close', (code, reason) => this.#fail(new ClosedError(code, reason.toString())));
  }

  async #opened(): Promise<void> {
    const webSocket = this.#webSocket;
    try {
      await inTime(
        this.#timeoutMs,
        new Promise<void>((resolve, reject) => {
          webSocket.once('open', resolve);
          webSocket.once('error', reject);
          webSocket.once('unexpected-response', (_request, response) => {
            void readBody(response).then((body) => reject(new RejectedError(answerOf(response, body))));
          });
        }),
      );
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Why the connection failed; null if it has not, as far as this client knows. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Asks for the whole document. */
  syncStep1(): void {
    this.#send(0, 0, this.#mark);
  }

  update(update: Uint8Array): void {
    this.#send(0, 2, update);
  }

  probe(payload: Uint8Array): void {
    this.#send(probeType, null, payload);
  }

  /**
   * Resolves with the first message for which `holds` is true. Drops the messages before it. Rejects with ClosedError,
   * StrangeMessageError or SilenceError.
   */
  next(holds: (message: Message) => boolean, timeoutMs: number = this.#timeoutMs): Promise<Message> {
    return inTime(timeoutMs, this.#take(holds));
  }

  /** Resolves when the connection fails, or after `timeoutMs`. */
  async silence(timeoutMs: number): Promise<void> {
    await inTime(timeoutMs, this.failed).catch(() => {});
  }

  close(): void {
    this.#webSocket.terminate();
  }

  async #take(holds: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      for (let message = this.#queue.shift(); message !== undefined; message = this.#queue.shift()) {
        if (holds(message)) return message;
      }
      if (this.#failure !== null) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #send(type: number, subtype: number | null, payload: Uint8Array): void {
    const encoder = encoding.createEncoder();
    encoding.writeVarUint(encoder, type);
    if (subtype !== null) encoding.writeVarUint(encoder, subtype);
    encoding.writeVarUint8Array(encoder, payload);
    if (this.#webSocket.readyState === WebSocket.OPEN) this.#webSocket.send(encoding.toUint8Array(encoder));
  }

  #receive(data: Buffer): void {
    const message = decode(data);
    if (message === null) {
      this.#fail(new StrangeMessageError('unreadable'));
      return;
    }
    if (message.type === 'sync-step-1') {
      if (Buffer.compare(message.payload, this.#mark) === 0) {
        this.#fail(new StrangeMessageError('echo'));
        return;
      }
      this.#send(0, 1, nothing);
    }
    this.understood = true;
    this.#queue.push(message);
    this.#wake();
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#rejectFailed(error);
    this.#wake();
  }
}

function varUint(value: number): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, value);
  return encoding.toUint8Array(encoder);
}

/** Null if the bytes are not a message. */
function decode(data: Uint8Array): Message | null {
  try {
    const decoder = decoding.createDecoder(data);
    const type = decoding.readVarUint(decoder);
    switch (type) {
      case 0: {
        const name = syncTypes[decoding.readVarUint(decoder)];
        return name === undefined ? null : { type: name, payload: decoding.readVarUint8Array(decoder) };
      }
      case 1:
      case 3:
        return { type: 'awareness' };
      case 2:
        decoding.readVarUint(decoder);
        return { type: 'denied', reason: decoding.readVarString(decoder) };
      case probeType:
        return { type: 'probe', payload: decoding.readVarUint8Array(decoder) };
      default:
        return null;
    }
  } catch {
    return null;
  }
}
