import type { ConnectionOptions } from 'node:tls';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { guardMs, within } from './deadline.ts';
import { decodeFrame, emptyStateVector, emptyUpdate, encodeFrame } from './frames.ts';
import type { Frame, FrameOf, FrameType } from './frames.ts';

type SocketOption = 'headers' | 'localAddress' | 'origin' | 'servername' | 'cert' | 'key';

export interface RawClientOptions {
  /** Certificate authority to trust, PEM. */
  readonly ca?: string;
  readonly protocols?: readonly string[];
  /** Headers, the local address (any of 127.0.0.0/8), the server name to ask for, and a client certificate. */
  readonly socket?: Pick<ClientOptions & ConnectionOptions, SocketOption>;
  /** Receives every frame, instead of the queue that `next` and `until` read. For load and for recording. */
  readonly onFrame?: (frame: Frame, client: RawClient) => void;
  /** The answer to a SyncStep1 of the server. Default: an empty update, because this client has nothing more. */
  readonly answer?: (stateVector: Uint8Array) => Uint8Array;
}

export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/**
 * A client of the y-websocket protocol that only sends and receives frames: no Y.Doc, no reconnecting, no awareness.
 * It answers every SyncStep1 (a client that does not is never told "saved").
 */
export class RawClient {
  /** Resolves when the socket has closed, with the code and reason of the server. Never rejects. */
  readonly closed: Promise<Closed>;
  bytesReceived = 0;
  readonly #socket: WebSocket;
  readonly #options: RawClientOptions;
  readonly #queue: Frame[] = [];
  #wake: (() => void) | null = null;
  #closed: Closed | null = null;
  #probes = 0;
  #pings = 0;

  /** Resolves when the socket is open; rejects if the server refuses, with the HTTP status in the message. */
  static async open(url: string, options: RawClientOptions = {}): Promise<RawClient> {
    const client = new RawClient(url, options);
    await within(
      guardMs,
      `an open socket to ${url}`,
      new Promise<void>((resolve, reject) => {
        client.#socket.once('open', resolve);
        client.#socket.once('error', reject);
      }),
    );
    return client;
  }

  private constructor(url: string, options: RawClientOptions) {
    this.#options = options;
    this.#socket = new WebSocket(url, [...(options.protocols ?? [])], {
      ...options.socket,
      perMessageDeflate: false,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    });
    this.#socket.binaryType = 'nodebuffer';
    this.#socket.on('message', (data: Buffer) => this.#receive(data));
    // An error is followed by `close`, which has the details.
    this.#socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.#socket.once('close', (code, reason) => {
        this.#closed = { code, reason: reason.toString() };
        this.#wake?.();
        resolve(this.#closed);
      });
    });
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(frame: Frame): void {
    this.sendBytes(encodeFrame(frame));
  }

  /** Sends one binary message. After the socket has closed, messages are dropped, as a broken network would do. */
  sendBytes(bytes: Uint8Array): void {
    if (this.isOpen) this.#socket.send(bytes);
  }

  sendText(text: string): void {
    this.#socket.send(text);
  }

  edit(update: Uint8Array): void {
    this.send({ type: 'update', update });
  }

  /** Sends SyncStep1. Resolves with all updates up to and including the answer. Together they are the document. */
  async sync(stateVector = emptyStateVector, timeoutMs = guardMs): Promise<Uint8Array[]> {
    this.send({ type: 'sync-step-1', stateVector });
    const updates: Uint8Array[] = [];
    const take = (frame: Frame): boolean => {
      if (frame.type === 'update' || frame.type === 'sync-step-2') updates.push(frame.update);
      return frame.type === 'sync-step-2';
    };
    await this.until(take, 'SyncStep2', timeoutMs);
    return updates;
  }

  /** Resolves when the server confirms that everything sent before is saved. */
  async saved(timeoutMs = guardMs): Promise<void> {
    const mark = ++this.#probes;
    this.send({ type: 'probe', payload: Uint8Array.of(mark & 0xff, mark >>> 8) });
    await this.until(
      (frame) => frame.type === 'probe' && frame.payload[0] === (mark & 0xff) && frame.payload[1] === mark >>> 8,
      `the answer to probe ${mark}`,
      timeoutMs,
    );
  }

  /** Resolves when the server has read everything that was sent before. Rejects if it closes instead. */
  async pinged(timeoutMs = guardMs): Promise<void> {
    const mark = Buffer.from(String(++this.#pings));
    let listener: ((payload: Buffer) => void) | undefined;
    const answered = new Promise<void>((resolve, reject) => {
      listener = (payload) => {
        if (payload.equals(mark)) resolve();
      };
      this.#socket.on('pong', listener);
      void this.closed.then(({ code, reason }) => reject(new Error(`Closed with ${code} ${reason} before the pong`)));
    });
    if (this.isOpen) this.#socket.ping(mark);
    await within(timeoutMs, 'the answer to a ping', answered).finally(() => {
      if (listener) this.#socket.off('pong', listener);
    });
  }

  /** Resolves with the next frame of this type. Earlier frames of other types are dropped. */
  async next<T extends FrameType>(type: T, timeoutMs = guardMs): Promise<FrameOf<T>> {
    const frame = await this.until((candidate) => candidate.type === type, `a frame ${type}`, timeoutMs);
    return frame as FrameOf<T>;
  }

  /** Resolves with the first frame for which `predicate` holds. Earlier frames are dropped. Rejects on close. */
  until(predicate: (frame: Frame) => boolean, what: string, timeoutMs = guardMs): Promise<Frame> {
    return within(timeoutMs, what, this.#take(predicate, what));
  }

  /** Stops reading from the socket, like a slow reader. */
  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /** Sends a close frame. Resolves when the socket is closed. */
  async close(): Promise<void> {
    this.#socket.close();
    await within(guardMs, 'the end of the closing handshake', this.closed);
  }

  /** Closes the socket without a close frame. */
  terminate(): void {
    this.#socket.terminate();
  }

  #receive(data: Buffer): void {
    this.bytesReceived += data.byteLength;
    const frame = decodeFrame(data);
    if (frame.type === 'sync-step-1') {
      const update = this.#options.answer?.(frame.stateVector) ?? emptyUpdate;
      this.send({ type: 'sync-step-2', update });
    }
    if (this.#options.onFrame) {
      this.#options.onFrame(frame, this);
      return;
    }
    this.#queue.push(frame);
    this.#wake?.();
  }

  async #take(predicate: (frame: Frame) => boolean, what: string): Promise<Frame> {
    if (this.#options.onFrame) throw new Error('Frames go to onFrame: there is no queue to wait on');
    for (;;) {
      for (let frame = this.#queue.shift(); frame !== undefined; frame = this.#queue.shift()) {
        if (predicate(frame)) return frame;
      }
      if (this.#closed) {
        throw new Error(`The socket closed (${this.#closed.code} ${this.#closed.reason}) before ${what} came`);
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
