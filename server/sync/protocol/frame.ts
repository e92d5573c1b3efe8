/** FIN and opcode 2: a binary message in a single frame (RFC 6455, 5.2). */
const binaryFin = 0x82;

/**
 * Encodes a complete, unmasked binary WebSocket frame, as a server sends it. The frame can be written to every socket
 * of a room, because no socket negotiates an extension. The parts are copied.
 */
export function binaryFrame(...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  const headerBytes = length < 126 ? 2 : length < 0x1_0000 ? 4 : 10;
  const frame = Buffer.allocUnsafe(headerBytes + length);
  frame[0] = binaryFin;
  if (headerBytes === 2) {
    frame[1] = length;
  } else if (headerBytes === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  let offset = headerBytes;
  for (const part of parts) {
    frame.set(part, offset);
    offset += part.length;
  }
  return frame;
}
