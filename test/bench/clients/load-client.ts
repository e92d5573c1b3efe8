import * as encoding from 'lib0/encoding';
import { within } from '../../support/deadline.ts';
import { decodeFrame, emptyStateVector, emptyUpdate, encodeFrame } from '../../support/frames.ts';
import type { Endpoint } from '../servers/target.ts';
import { LoadSocket } from './load-socket.ts';

/** Receives every update, including those of the first sync. The bytes are a view that must not be kept. */
export type UpdateListener = (update: Uint8Array) => void;
/** Receives the bytes of an awareness message from the message type on, and its entries. */
export type AwarenessListener = (message: Uint8Array, payload: Uint8Array) => void;

export interface LoadClientOptions {
  /** The client's state vector, with which it joins. Null: it only connects, as to a relay. */
  readonly stateVector?: Uint8Array | null;
  /** Returns the answer to SyncStep1. Default: an empty update. */
  readonly answer?: (stateVector: Uint8Array) => Uint8Array;
  readonly onUpdate?: UpdateListener;
}

const deadlineMs = 120_000;
const types = { sync: 0, awareness: 1, auth: 2, ping: 9 } as const;

/** A client for all measured servers that only handles frames: it has no Y.Doc and does not reconnect. */
export class LoadClient {
  onUpdate: UpdateListener | null;
  onAwareness: AwarenessListener | null = null;
  /** Payload bytes of all messages that the server has sent. */
  bytesReceived = 0;
  /** Settles with the reason when the server has closed the connection. */
  readonly closed: Promise<string>;
  readonly #answer: (stateVector: Uint8Array) => Uint8Array;
  /** Precedes every message. With Hocuspocus it is the document's name. */
  readonly #prefix: Uint8Array;
  #socket: LoadSocket | null = null;
  #synced: (() => void) | null = null;
  #close: (why: string) => void = () => {};

  /** Resolves when connected and, if the client joins, synced (SyncStep2 has arrived). */
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

  /** Sends SyncStep1. Resolves when SyncStep2 has arrived. */
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

  /** Sends an awareness message, including its message type. */
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
    // Hocuspocus pings with one byte and without a name. Other messages that are not about documents need no answer.
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
