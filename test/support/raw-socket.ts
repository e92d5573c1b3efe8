import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { guardMs, within } from './deadline.ts';

/** A WebSocket without a library, for bytes that no library would send. */
export class RawSocket {
  /** Everything that arrived after the server's answer to the upgrade. Resolves when the socket is closed. */
  readonly ended: Promise<Buffer>;
  readonly #socket: Socket;

  /** Resolves when the server has accepted the upgrade. `url` begins with `ws:`. */
  static async open(url: string): Promise<RawSocket> {
    const { hostname, port, pathname } = new URL(url);
    const socket = connect(Number(port), hostname);
    const raw = new RawSocket(socket);
    socket.write(
      `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
    );
    await within(
      guardMs,
      'the answer to the upgrade',
      new Promise((resolve, reject) => {
        socket.once('data', resolve);
        socket.once('close', reject);
      }),
    );
    return raw;
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    // A reset counts as an ordinary end.
    socket.on('error', () => {});
    this.ended = new Promise((resolve) => {
      socket.once('close', () => resolve(Buffer.concat(chunks)));
    });
  }

  sendBytes(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Resolves with the code of the server's close frame, or with null if the server ended without one. */
  async closeCode(): Promise<number | null> {
    const received = await within(guardMs, 'the end of the socket', this.ended);
    // A server's close frame: FIN and opcode 8, no mask, then code and reason.
    for (let at = received.lastIndexOf(0x88); at >= 0; at = at === 0 ? -1 : received.lastIndexOf(0x88, at - 1)) {
      if (at + 2 + (received[at + 1] ?? 0) === received.length && at + 4 <= received.length) {
        return received.readUInt16BE(at + 2);
      }
    }
    return null;
  }
}

/** A client's frame. The mask is zero, so that the payload is unchanged. */
export function clientFrame(firstByte: number, payload: Uint8Array, claimedLength = payload.length): Buffer {
  const head = [firstByte];
  if (claimedLength < 126) head.push(0x80 | claimedLength);
  else if (claimedLength < 0x1_0000) head.push(0xfe, claimedLength >>> 8, claimedLength & 0xff);
  else head.push(0xff, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (claimedLength >>> shift) & 0xff));
  return Buffer.concat([Uint8Array.from(head), new Uint8Array(4), payload]);
}
