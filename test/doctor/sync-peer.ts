import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import * as Y from 'yjs';
import type { Owner } from '../support/owner.ts';
import type { Place } from './peers.ts';

export interface SyncPeerOptions {
  /** Answers the saved probe. */
  readonly probe?: boolean;
  /** All connections see the same documents. */
  readonly share?: boolean;
  /** Relays edits to the other connections. */
  readonly relay?: boolean;
  readonly writable?: boolean;
  /** Called before the nth answer of a connection, to move the clock of the doctor. */
  readonly delay?: (answer: number) => void;
  /** Larger messages: refused with 1009, cut off, or lost. */
  readonly large?: 'refuse' | 'cut' | 'lose';
  /** How a connection ends, and when. */
  readonly silence?: { readonly afterMs: number; readonly end: 'close' | 'die' };
}

const largeBytes = 128 * 1024;

/** A small y-websocket server with configurable faults. Resolves with its port. */
export async function syncPeer(owner: Owner, options: SyncPeerOptions = {}, place: Place = {}): Promise<number> {
  const { probe = true, share = true, relay = true, writable = true, large, silence } = options;
  const documents = new Map<string, Y.Doc>();
  return webSocketPeer(
    owner,
    (webSocket, path) => {
      let doc = documents.get(path);
      if (doc === undefined || !share) documents.set(path, (doc = new Y.Doc()));
      const known = doc;
      let answers = 0;
      let dead = false;
      const send = (type: number, subtype: number | null, payload: Uint8Array): void => {
        const encoder = encoding.createEncoder();
        encoding.writeVarUint(encoder, type);
        if (subtype !== null) encoding.writeVarUint(encoder, subtype);
        encoding.writeVarUint8Array(encoder, payload);
        options.delay?.(answers++);
        if (!dead) webSocket.send(encoding.toUint8Array(encoder));
      };
      const idle =
        silence &&
        setTimeout(() => {
          dead = true;
          if (silence.end === 'close') webSocket.terminate();
        }, silence.afterMs);
      const relayed = (update: Uint8Array): void => send(0, 2, update);
      if (relay) known.on('update', relayed);
      webSocket.on('close', () => known.off('update', relayed));
      send(0, 0, Y.encodeStateVector(known));
      webSocket.on('message', (data: Buffer) => {
        idle?.refresh();
        if (data.length > largeBytes && large !== undefined) {
          if (large === 'cut') webSocket.terminate();
          if (large === 'refuse') webSocket.close(1009, 'too big');
          return;
        }
        const message = read(data);
        if (message === null) return;
        const { type, subtype, payload } = message;
        if (type === 102) {
          if (probe && writable) send(102, null, payload);
          return;
        }
        if (subtype === 0) send(0, 1, Y.encodeStateAsUpdate(known, payload));
        else if (writable) Y.applyUpdate(known, payload);
        else if (payload.length > 2) send(2, 0, Buffer.from('read only'));
      });
    },
    place,
  );
}

/** Null for bytes of another protocol, which the doctor sends if it gets no answer. Stock servers ignore them. */
function read(data: Buffer): { type: number; subtype: number | null; payload: Uint8Array } | null {
  try {
    const decoder = decoding.createDecoder(data);
    const type = decoding.readVarUint(decoder);
    const subtype = type === 102 ? null : decoding.readVarUint(decoder);
    return { type, subtype, payload: decoding.readVarUint8Array(decoder) };
  } catch {
    return null;
  }
}

/** A WebSocket server that calls `handle` with each connection. Resolves with its port. */
export async function webSocketPeer(
  owner: Owner,
  handle: (webSocket: WebSocket, path: string) => void,
  place: Place = {},
): Promise<number> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0, ...place });
  server.on('connection', (webSocket, request) => {
    webSocket.on('error', () => {});
    handle(webSocket, request.url?.replace(/\?.*/, '') ?? '');
  });
  await once(server, 'listening');
  owner.after(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
