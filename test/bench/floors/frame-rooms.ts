import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';

/** The sockets of all clients in a room. */
export type FrameRoom = ReadonlySet<Duplex>;

/** Serves one room per request path, on the port in the first argument. */
export function serveFrameRooms(received: (room: FrameRoom, data: Buffer) => void): void {
  const rooms = new Map<string, Set<Duplex>>();
  const server = createServer();
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false });
  server.on('upgrade', (request, stream, head) => {
    sockets.handleUpgrade(request, stream, head, (socket) => {
      const name = request.url ?? '/';
      const room = rooms.get(name) ?? new Set();
      rooms.set(name, room.add(stream));
      socket.on('error', () => {});
      socket.on('message', (data: Buffer) => received(room, data));
      socket.on('close', () => {
        room.delete(stream);
        if (room.size === 0) rooms.delete(name);
      });
    });
  });
  server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
    console.log(`relay listening on ${(server.address() as AddressInfo).port}`);
  });
}

/** Builds the frame of a message once, and writes the same bytes to every socket. */
export function sendToAll(room: FrameRoom, data: Buffer): void {
  const frame = frameOf(data);
  for (const peer of room) if (peer.writable) peer.write(frame);
}

/** One binary message as an unmasked frame (RFC 6455, section 5.2). */
function frameOf(data: Buffer): Buffer {
  const headBytes = data.length < 126 ? 2 : data.length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headBytes + data.length);
  frame[0] = 0x82;
  if (headBytes === 2) {
    frame[1] = data.length;
  } else if (headBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(data.length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(data.length), 2);
  }
  data.copy(frame, headBytes);
  return frame;
}
