import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';

/** The parser of `ws`: a private stream to which `ws` writes the bytes of the socket. A test holds that it still exists. */
interface Receiver extends Writable {
  /** The parts of an incomplete message. */
  readonly _bufferedBytes: number;
  readonly _messageLength: number;
  readonly _buffers: readonly unknown[];
  readonly _fragments: readonly unknown[];
}

/** Memory that a separate piece takes besides its bytes. */
const PIECE_BYTES = 200;

function receiverOf(webSocket: WebSocket): Receiver | null {
  return (webSocket as unknown as { readonly _receiver: Receiver | null })._receiver;
}

/** Memory that incomplete messages take. Too expensive to ask for each message. */
export function partialBytesOf(webSocket: WebSocket): number {
  const receiver = receiverOf(webSocket);
  if (receiver === null) return 0;
  const pieces = receiver._buffers.length + receiver._fragments.length;
  return receiver._bufferedBytes + receiver._messageLength + pieces * PIECE_BYTES;
}

/** Whether `ws` still reads frames: neither a close frame nor a broken frame has come. */
export function readsFrames(webSocket: WebSocket): boolean {
  return receiverOf(webSocket)?.writable === true;
}

/** Takes over the `close` event of a socket. Returns the listener of `ws`, which is to be called once in its place. */
export function takeCloseListener(socket: Socket): (this: Socket) => void {
  const listener = socket.listeners('close').find(({ name }) => name === 'socketOnClose');
  if (listener === undefined) throw new Error('`ws` has no listener for the end of its socket');
  socket.removeListener('close', listener as () => void);
  return listener as (this: Socket) => void;
}

/**
 * Hands bytes to `ws`, which emits the messages in them during this call. Bytes after a close frame or a broken frame are
 * dropped. Returns false if the socket must pause; `ws` resumes it.
 *
 * Never cork the receiver: `ws` ends it while it parses a close frame, and a stream that is ended inside `uncork` never
 * emits 'finish', so the WebSocket would never emit 'close'.
 */
export function receive(webSocket: WebSocket, chunk: Buffer): boolean {
  const receiver = receiverOf(webSocket);
  return receiver?.writable !== true || receiver.write(chunk);
}
