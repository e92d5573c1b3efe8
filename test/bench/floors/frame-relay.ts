/** The other floor: like the relay, but a message is made into a frame once, and the same bytes go to every socket. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';

const rooms = new Map<string, Set<Duplex>>();
const server = createServer();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false, clientTracking: false });
server.on('upgrade', (request, stream, head) => {
  sockets.handleUpgrade(request, stream, head, (socket) => {
    const name = request.url ?? '/';
    const room = rooms.get(name) ?? new Set();
    rooms.set(name, room.add(stream));
    socket.on('error', () => {});
    socket.on('message', (data: Buffer) => {
      const frame = frameOf(data);
      for (const peer of room) if (peer.writable) peer.write(frame);
    });
    socket.on('close', () => {
      room.delete(stream);
      if (room.size === 0) rooms.delete(name);
    });
  });
});
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  console.log(`relay listening on ${(server.address() as AddressInfo).port}`);
});

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
