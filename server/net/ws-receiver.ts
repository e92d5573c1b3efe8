import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';

/**
 * What takes messages apart in `ws`: a stream that is written what the socket has read. It is not meant to be looked at; a test
 * holds that it is still there.
 */
interface Receiver extends Writable {
  /** What it keeps of a message until it is whole. */
  readonly _bufferedBytes: number;
  readonly _messageLength: number;
  readonly _buffers: readonly unknown[];
  readonly _fragments: readonly unknown[];
}

/** What a piece takes that came by itself, besides its bytes. */
const PIECE_BYTES = 200;

function receiverOf(webSocket: WebSocket): Receiver | null {
  return (webSocket as unknown as { readonly _receiver: Receiver | null })._receiver;
}

/** Memory that messages take which have come in part, or wait to be taken apart. For now and then, not for each message. */
export function partialBytesOf(webSocket: WebSocket): number {
  const receiver = receiverOf(webSocket);
  if (receiver === null) return 0;
  const pieces = receiver._buffers.length + receiver._fragments.length;
  const waitingBytes = receiver.writableCorked > 0 ? receiver.writableLength : 0;
  return receiver._bufferedBytes + receiver._messageLength + pieces * PIECE_BYTES + waitingBytes;
}

/** What comes from now on is kept as it is, in its order, until `takeApart`. Twice is fine. */
export function keepWhole(webSocket: WebSocket): void {
  if (!isKeptWhole(webSocket)) receiverOf(webSocket)?.cork();
}

export function isKeptWhole(webSocket: WebSocket): boolean {
  return (receiverOf(webSocket)?.writableCorked ?? 0) > 0;
}

/** Takes what was kept apart, during this call. */
export function takeApart(webSocket: WebSocket): void {
  receiverOf(webSocket)?.uncork();
}
