import type { CloseReason, Connection, ConnectionHandler } from '../../server/sync/connection.ts';
import { decodeFrame } from './frames.ts';
import type { Frame, FrameOf, FrameType } from './frames.ts';

/** The payloads of consecutive unmasked binary WebSocket frames, as a server writes them. */
export function framePayloads(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const payloads: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length;) {
    if (view.getUint8(offset) !== 0x82) throw new Error(`Not a whole binary frame at byte ${offset}`);
    const short = view.getUint8(offset + 1);
    let headerBytes = 2;
    let length = short;
    if (short === 126) {
      headerBytes = 4;
      length = view.getUint16(offset + 2);
    } else if (short === 127) {
      headerBytes = 10;
      length = Number(view.getBigUint64(offset + 2));
    }
    const start = offset + headerBytes;
    offset = start + length;
    if (offset > bytes.length) throw new Error('A frame is cut off');
    payloads.push(bytes.subarray(start, offset));
  }
  return payloads;
}

/** The messages in one write of a session. */
export function decodeWrite(bytes: Uint8Array): Frame[] {
  return framePayloads(bytes).map(decodeFrame);
}

/** A socket without a network. Records what is written, and reports as many buffered bytes as the test sets. */
export class FakeConnection implements Connection {
  readonly id: string;
  /** The bytes that the kernel has not taken yet. Set by the test. */
  bufferedBytes = 0;
  paused = false;
  isEstablished = false;
  handler: ConnectionHandler | null = null;
  readingLimit: number | null = null;
  closedWith: CloseReason | null = null;
  /** Every buffer that was written, not copied. A buffer shared by several peers is the same object. */
  readonly writes: Uint8Array[] = [];
  /** The number of writes before it was corked; null if it was not corked. */
  corkedAt: number | null = null;
  /** Called after each write with its bytes, so that a test can count the buffered bytes. */
  onWrite: (bytes: number) => void = () => {};
  #taken = 0;

  constructor(id = 'connection') {
    this.id = id;
  }

  attach(handler: ConnectionHandler): void {
    this.handler = handler;
  }

  write(frames: Uint8Array): void {
    if (this.closedWith !== null) throw new Error('Written to after close');
    this.writes.push(frames);
    this.onWrite(frames.length);
  }

  cork(): void {
    this.corkedAt = this.writes.length;
  }

  close(reason: CloseReason): void {
    this.closedWith ??= reason;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  limitReading(bytes: number | null): void {
    this.readingLimit = bytes;
  }

  established(): void {
    this.isEstablished = true;
  }

  /** All messages so far. */
  get frames(): Frame[] {
    return this.writes.flatMap(decodeWrite);
  }

  /** The messages since the last call. */
  takeFrames(): Frame[] {
    const fresh = this.writes.slice(this.#taken);
    this.#taken = this.writes.length;
    return fresh.flatMap(decodeWrite);
  }

  framesOf<T extends FrameType>(type: T): FrameOf<T>[] {
    return this.frames.filter((frame): frame is FrameOf<T> => frame.type === type);
  }
}
