import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import type { Socket } from 'node:net';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { guardMs, within } from './deadline.ts';
import { upgradeRequest } from './net-harness.ts';
import { clientFrame } from './raw-socket.ts';
import type { Quire } from './quire.ts';

/** A frame that the server sent. */
export interface WireFrame {
  readonly opcode: number;
  readonly payload: Buffer;
}

/** How the server ended it: `code` is null if it sent no close frame, or one without a code. */
export interface WireEnd {
  readonly code: number | null;
  readonly reason: string;
  readonly sentClose: boolean;
}

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** A WebSocket without a library: sends any bytes, and reads the frames of the server. */
export class WireSocket {
  readonly #socket: Socket;
  readonly #frames: WireFrame[] = [];
  readonly #ended: Promise<void>;
  #rest = Buffer.alloc(0);
  #wake: (() => void) | null = null;
  /** After the upgrade. */
  #isOpen = false;
  #isOver = false;

  /** Resolves when the server has accepted the upgrade. Uses TLS unless told otherwise. */
  static async open(quire: Quire, docName: string, { tls = true } = {}): Promise<WireSocket> {
    const socket = tls ? await openTls(quire) : await openPlain(quire);
    socket.write(upgradeRequest(`/sync/${docName}`));
    const wire = new WireSocket(socket);
    await wire.#until(() => wire.#skipAnswer(), 'the answer to the upgrade');
    return wire;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      if (this.#isOpen) this.#parse();
      this.#wake?.();
    });
    this.#ended = new Promise((resolve) => {
      socket.once('close', () => {
        this.#isOver = true;
        this.#wake?.();
        resolve();
      });
    });
  }

  /** In one write, which over TLS is one record as long as it is small. */
  send(...frames: readonly Uint8Array[]): void {
    this.#socket.write(Buffer.concat(frames));
  }

  /** Every byte in a record of its own. */
  sendByteByByte(bytes: Uint8Array): void {
    this.#socket.setNoDelay(true);
    for (const byte of bytes) this.#socket.write(Uint8Array.of(byte));
  }

  /** Sends no more, and still reads. */
  halfClose(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Resets the connection. Over TLS it is only closed. */
  reset(): void {
    if ('encrypted' in this.#socket) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  /** Resolves when the socket has closed on this side. */
  get ended(): Promise<void> {
    return this.#ended;
  }

  /** All frames that have come and that `next` has not taken. */
  get frames(): readonly WireFrame[] {
    return this.#frames;
  }

  /** The next frame with this opcode; those before it are dropped. Rejects if the server ends it before. */
  async next(wanted: number): Promise<WireFrame> {
    let found: WireFrame | undefined;
    const take = (): boolean => {
      const index = this.#frames.findIndex((frame) => frame.opcode === wanted);
      if (index >= 0) found = this.#frames.splice(0, index + 1).at(-1);
      return found !== undefined;
    };
    await this.#until(take, `a frame with opcode ${wanted}`);
    if (found === undefined)
      throw new Error(`Ended before a frame with opcode ${wanted} came: ${JSON.stringify(await this.end())}`);
    return found;
  }

  /** Resolves when the server has ended the connection, with what its close frame said. */
  async end(): Promise<WireEnd> {
    await within(guardMs, 'the end of the socket', this.#ended);
    const close = this.#frames.find((frame) => frame.opcode === opcode.close);
    const hasCode = close !== undefined && close.payload.length >= 2;
    return {
      code: hasCode ? close.payload.readUInt16BE(0) : null,
      reason: close?.payload.subarray(2).toString() ?? '',
      sentClose: close !== undefined,
    };
  }

  async #until(isThere: () => boolean, what: string): Promise<void> {
    const wait = async (): Promise<void> => {
      while (!isThere() && !this.#isOver) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    };
    await within(guardMs, what, wait());
  }

  #skipAnswer(): boolean {
    const end = this.#rest.indexOf('\r\n\r\n');
    if (end === -1) return false;
    this.#rest = this.#rest.subarray(end + 4);
    this.#isOpen = true;
    this.#parse();
    return true;
  }

  #parse(): void {
    for (;;) {
      const [first, short] = this.#rest;
      if (first === undefined || short === undefined) return;
      const head = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (this.#rest.length < head) return;
      const length =
        head === 2 ? short : head === 4 ? this.#rest.readUInt16BE(2) : Number(this.#rest.readBigUInt64BE(2));
      if (this.#rest.length < head + length) return;
      const frame = { opcode: first & 0x0f, payload: this.#rest.subarray(head, head + length) };
      this.#frames.push(frame);
      // Without an answer the server would wait for it.
      if (frame.opcode === opcode.close) this.send(clientFrame(first, frame.payload.subarray(0, 2)));
      this.#rest = this.#rest.subarray(head + length);
    }
  }
}

async function openPlain({ url }: Quire): Promise<Socket> {
  const socket = connectPlain(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {});
  await within(guardMs, 'a connection', once(socket, 'connect'));
  return socket;
}

/** A TLS connection to a server that has a development certificate. A reset is an end like others. */
export async function openTls({ wssUrl, ca }: Quire): Promise<TLSSocket> {
  const { hostname, port } = new URL(wssUrl);
  const socket = connect({ host: '127.0.0.1', port: Number(port), servername: hostname, ca });
  socket.on('error', () => {});
  await within(guardMs, 'the TLS handshake', once(socket, 'secureConnect'));
  return socket;
}
