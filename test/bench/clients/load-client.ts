import * as encoding from 'lib0/encoding';
import { within } from '../../support/deadline.ts';
import { decodeFrame, emptyStateVector, emptyUpdate, encodeFrame } from '../../support/frames.ts';
import type { Endpoint } from '../servers/target.ts';
import { LoadSocket } from './load-socket.ts';

/** Every update that arrives, those of the first sync too. A view that must not be kept. */
export type UpdateListener = (update: Uint8Array) => void;
/** The bytes of an awareness message from the message type on, and the entries in it. */
export type AwarenessListener = (message: Uint8Array, payload: Uint8Array) => void;

export interface LoadClientOptions {
  /** What this client has of the document: then it joins. Null: it only connects, as to a relay. */
  readonly stateVector?: Uint8Array | null;
  /** What it answers to SyncStep1: by default that it has nothing more. */
  readonly answer?: (stateVector: Uint8Array) => Uint8Array;
  readonly onUpdate?: UpdateListener;
}

const deadlineMs = 120_000;
const types = { sync: 0, awareness: 1, auth: 2, ping: 9 } as const;

/** A client of any of the servers that is nothing but frames: no Y.Doc, no reconnecting. */
export class LoadClient {
  onUpdate: UpdateListener | null;
  onAwareness: AwarenessListener | null = null;
  /** What the server has sent: payload of all messages. */
  bytesReceived = 0;
  /** Settles with the reason when the server has closed the connection. */
  readonly closed: Promise<string>;
  readonly #answer: (stateVector: Uint8Array) => Uint8Array;
  /** What stands before every message: with Hocuspocus the document's name. */
  readonly #prefix: Uint8Array;
  #socket: LoadSocket | null = null;
  #synced: (() => void) | null = null;
  #close: (why: string) => void = () => {};

  /** Resolves when connected and, if it joins, synced (SyncStep2 has come). */
  static async open(endpoint: Endpoint, room: string, options: LoadClientOptions = {}): Promise<LoadClient> {
    const client = new LoadClient(endpoint.dialect === 'hocuspocus' ? namePrefix(room) : new Uint8Array(), options);
    const events = {
      onMessage: (payload: Buffer): void => client.#receive(payload),
      onClose: (why: string): void => client.#close(why),
    };
    client.#socket = await LoadSocket.open(`${endpoint.url}/${room}`, events, endpoint.ca);
    const stateVector = options.stateVector === undefined ? emptyStateVector : options.stateVector;
    if (endpoint.dialect === 'hocuspocus') client.#send(tokenMessage);
    if (endpoint.dialect !== 'relay' && stateVector !== null) await client.sync(stateVector);
    return client;
  }

  private constructor(prefix: Uint8Array, { answer, onUpdate }: LoadClientOptions) {
    this.#prefix = prefix;
    this.#answer = answer ?? ((): Uint8Array => emptyUpdate);
    this.onUpdate = onUpdate ?? null;
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  /** Asks for what it lacks; resolves when the answer, SyncStep2, has come. */
  async sync(stateVector: Uint8Array): Promise<void> {
    const synced = new Promise<void>((resolve, reject) => {
      this.#synced = resolve;
      void this.closed.then((why) => reject(new Error(`Closed before SyncStep2: ${why}`)));
    });
    this.#send(encodeFrame({ type: 'sync-step-1', stateVector }));
    await within(deadlineMs, 'SyncStep2', synced);
  }

  edit(update: Uint8Array): void {
    this.#send(encodeFrame({ type: 'update', update }));
  }

  /** Sends a message of awareness, message type included. */
  announce(message: Uint8Array): void {
    this.#send(message);
  }

  terminate(): void {
    this.#socket?.terminate();
  }

  #send(message: Uint8Array): void {
    this.#socket?.send(this.#prefix.length === 0 ? message : Buffer.concat([this.#prefix, message]));
  }

  #receive(payload: Buffer): void {
    this.bytesReceived += payload.length;
    // Hocuspocus pings with one byte and without a name; what is not about documents needs no answer otherwise.
    const message = payload.subarray(this.#prefix.length);
    if (message.length === 0 || this.#isOther(payload, message)) return;
    const frame = decodeFrame(message);
    if (frame.type === 'sync-step-1') {
      this.#send(encodeFrame({ type: 'sync-step-2', update: this.#answer(frame.stateVector) }));
    }
    if (frame.type === 'update' || frame.type === 'sync-step-2') this.onUpdate?.(frame.update);
    if (frame.type === 'sync-step-2') this.#synced?.();
  }

  #isOther(payload: Buffer, message: Buffer): boolean {
    if (payload.length === 1 && payload[0] === types.ping) return true;
    if (message[0] !== types.awareness) return message[0] !== types.sync;
    this.onAwareness?.(message, message.subarray(1));
    return true;
  }
}

const tokenMessage = ((): Uint8Array => {
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, types.auth);
  encoding.writeVarUint(encoder, 0);
  encoding.writeVarString(encoder, 'bench');
  return encoding.toUint8Array(encoder);
})();

function namePrefix(room: string): Uint8Array {
  const encoder = encoding.createEncoder();
  encoding.writeVarString(encoder, room);
  return encoding.toUint8Array(encoder);
}
