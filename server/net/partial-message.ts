import type { WebSocket } from 'ws';

/** What `ws` keeps of a message until it is whole; it tells nobody. A test holds that it is still there. */
interface Receiver {
  readonly _bufferedBytes: number;
  readonly _messageLength: number;
  readonly _buffers: readonly unknown[];
  readonly _fragments: readonly unknown[];
}

/** What a piece takes that came by itself, besides its bytes. */
const PIECE_BYTES = 200;

/** Memory that a message takes which has come in part. For now and then, not for each message. */
export function partialBytesOf(webSocket: WebSocket): number {
  const receiver = (webSocket as unknown as { readonly _receiver: Receiver | null })._receiver;
  if (receiver === null) return 0;
  const pieces = receiver._buffers.length + receiver._fragments.length;
  return receiver._bufferedBytes + receiver._messageLength + pieces * PIECE_BYTES;
}
