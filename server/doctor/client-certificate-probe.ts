import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { dialTls } from './dial.ts';
import type { Examination, HostAddress } from './examination.ts';

/** RFC 5246: records of type handshake (22), and among their messages CertificateRequest (13). */
const handshakeRecord = 22;
const certificateRequest = 13;
const recordHeaderBytes = 5;
const messageHeaderBytes = 4;

/**
 * Whether the server asks clients for a certificate. Node does not say so, and TLS 1.3 encrypts the request: so this is a
 * handshake of TLS 1.2, whose messages are read as they pass. False for a server that takes TLS 1.3 only.
 */
export async function asksForCertificate({ target, deps }: Examination, { address }: HostAddress): Promise<boolean> {
  const passed: Buffer[] = [];
  try {
    const through = (socket: Socket): Duplex => tapped(socket, passed);
    (await dialTls(target, address, deps.stepTimeoutMs / 2, { maxVersion: 'TLSv1.2', through })).destroy();
  } catch {
    // A server that insists may end the handshake; it has asked before that.
  }
  return hasMessage(Buffer.concat(passed), certificateRequest);
}

/** The same stream; what is read from it is kept. */
function tapped(socket: Socket, passed: Buffer[]): Duplex {
  const tap = new Duplex({
    read: () => {
      socket.resume();
    },
    write: (chunk: Buffer, _encoding, done) => {
      socket.write(chunk, done);
    },
    final: (done) => {
      socket.end(done);
    },
    destroy: (error, done) => {
      socket.destroy();
      done(error);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    passed.push(chunk);
    if (!tap.push(chunk)) socket.pause();
  });
  socket.on('end', () => tap.push(null));
  socket.on('error', (error) => tap.destroy(error));
  return tap;
}

/** Whether the handshake of a server, up to its encrypted part, has a message of this type. */
function hasMessage(bytes: Buffer, type: number): boolean {
  const records: Buffer[] = [];
  for (let at = 0; at + recordHeaderBytes <= bytes.length && bytes[at] === handshakeRecord;) {
    const end = at + recordHeaderBytes + bytes.readUInt16BE(at + 3);
    records.push(bytes.subarray(at + recordHeaderBytes, end));
    at = end;
  }
  const messages = Buffer.concat(records);
  for (let at = 0; at + messageHeaderBytes <= messages.length;) {
    if (messages[at] === type) return true;
    at += messageHeaderBytes + messages.readUIntBE(at + 1, 3);
  }
  return false;
}
