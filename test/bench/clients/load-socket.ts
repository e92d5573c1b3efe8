import { randomBytes, randomInt } from 'node:crypto';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

export interface LoadSocketEvents {
  /** Receives one message. The bytes are a view that must not be kept. */
  readonly onMessage: (payload: Buffer) => void;
  /** Called once, unless `terminate` was called before. */
  readonly onClose: (why: string) => void;
}

const opcodes = { continuation: 0, close: 8, ping: 9, pong: 10 } as const;
/** Any mask: the server must unmask, as it does for browsers. */
const mask = Uint8Array.of(0x6d, 0xa1, 0x3b, 0xf4);
const endOfHead = Buffer.from('\r\n\r\n');
const nothing = Buffer.alloc(0);

/**
 * A cheap WebSocket client, so that one process can be hundreds of clients and the measurement is about the server.
 * Supports only what the measured servers send: binary messages in one frame each, without extensions.
 */
export class LoadSocket {
  readonly #socket: Socket;
  readonly #events: LoadSocketEvents;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Bytes that must be there before the next attempt to read a frame. */
  #needed = 2;
  #isOver = false;

  /** Resolves after a successful upgrade. Rejects with the server's HTTP status otherwise. */
  static open(url: string, events: LoadSocketEvents, ca?: string): Promise<LoadSocket> {
    const { hostname, port, pathname, protocol } = new URL(url);
    const at = { host: hostname, port: Number(port), localAddress: someAddress() };
    const socket =
      protocol === 'wss:'
        ? connectTls({ ...at, servername: 'localhost', ...(ca === undefined ? {} : { ca }) })
        : connectTcp(at);
    socket.setNoDelay(true);
    return new Promise((resolve, reject) => {
      let head = nothing;
      const fail = (why: string): void => {
        socket.destroy();
        reject(new Error(`No WebSocket to ${url}: ${why}`));
      };
      const failed = (error: Error): void => fail(error.message);
      const ended = (): void => fail('closed');
      const read = (chunk: Buffer): void => {
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf(endOfHead);
        if (end < 0) return;
        const status = head.toString('latin1', 0, head.indexOf('\r\n'));
        if (!status.startsWith('HTTP/1.1 101')) return fail(status);
        socket.off('data', read).off('error', failed).off('close', ended);
        const client = new LoadSocket(socket, events);
        resolve(client);
        // After the promise, because the caller must have the socket before its first message.
        const rest = head.subarray(end + endOfHead.length);
        if (rest.length > 0) setImmediate(() => client.#take(rest));
      };
      socket.on('data', read).once('error', failed).once('close', ended);
      socket.once(protocol === 'wss:' ? 'secureConnect' : 'connect', () => {
        const key = randomBytes(16).toString('base64');
        const upgrade = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}`;
        socket.write(`GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n${upgrade}\r\n\r\n`);
      });
    });
  }

  private constructor(socket: Socket, events: LoadSocketEvents) {
    this.#socket = socket;
    this.#events = events;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#end(error.message));
    socket.on('close', () => this.#end('closed without a word'));
  }

  /** Sends one binary message. */
  send(payload: Uint8Array): void {
    this.#write(2, payload);
  }

  terminate(): void {
    this.#isOver = true;
    this.#socket.destroy();
  }

  #write(opcode: number, payload: Uint8Array): void {
    if (this.#isOver) return;
    const { length } = payload;
    const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
    const start = 2 + lengthBytes + 4;
    const frame = Buffer.allocUnsafe(start + length);
    frame[0] = 0x80 | opcode;
    frame[1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
    if (lengthBytes === 2) frame.writeUInt16BE(length, 2);
    if (lengthBytes === 8) frame.writeBigUInt64BE(BigInt(length), 2);
    frame.set(mask, start - 4);
    for (let at = 0; at < length; at++) frame[start + at] = (payload[at] ?? 0) ^ (mask[at & 3] ?? 0);
    this.#socket.write(frame);
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    const data = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let at = 0;
    while (!this.#isOver) {
      const left = data.length - at;
      const short = (data[at + 1] ?? 0) & 0x7f;
      const headBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
      this.#needed = headBytes;
      if (left < headBytes) break;
      const length =
        headBytes === 2 ? short : headBytes === 4 ? data.readUInt16BE(at + 2) : Number(data.readBigUInt64BE(at + 2));
      this.#needed = headBytes + length;
      if (left < this.#needed) break;
      const opcode = data[at] ?? 0;
      at += headBytes + length;
      this.#hear(opcode, data.subarray(at - length, at));
    }
    this.#chunks = at === data.length ? [] : [data.subarray(at)];
    this.#bytes = data.length - at;
  }

  #hear(first: number, payload: Buffer): void {
    const opcode = first & 0x0f;
    if (opcode === opcodes.ping) return this.#write(opcodes.pong, payload);
    if (opcode === opcodes.pong) return;
    if (opcode === opcodes.close) {
      return this.#end(payload.length < 2 ? 'no code' : `${payload.readUInt16BE(0)} ${payload.toString('utf8', 2)}`);
    }
    if (opcode === opcodes.continuation || (first & 0x80) === 0) return this.#end('a fragmented message');
    this.#events.onMessage(payload);
  }

  #end(why: string): void {
    if (this.#isOver) return;
    this.terminate();
    this.#events.onClose(why);
  }
}

/** Each client has an address of its own. Otherwise a server that limits one address would limit the load. */
function someAddress(): string {
  return `127.${randomInt(1, 255)}.${randomInt(256)}.${randomInt(1, 255)}`;
}
