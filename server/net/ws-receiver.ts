import type { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import type { WebSocket } from 'ws';

/** The parser of `ws`: a private stream to which `ws` writes the bytes of the socket. A test asserts that it exists. */
interface Receiver extends Writable {
  /** The parts of an incomplete message. */
  readonly _bufferedBytes: number;
  readonly _messageLength: number;
  readonly _buffers: readonly unknown[];
  readonly _fragments: readonly unknown[];
}

/** Memory of one piece besides its bytes. */
const pieceBytes = 200;

function receiverOf(webSocket: WebSocket): Receiver | null {
  return (webSocket as unknown as { readonly _receiver: Receiver | null })._receiver;
}

/** Memory of the incomplete messages of a WebSocket. Too expensive to call for each message. */
export function partialBytesOf(webSocket: WebSocket): number {
  const receiver = receiverOf(webSocket);
  if (receiver === null) return 0;
  const pieces = receiver._buffers.length + receiver._fragments.length;
  return receiver._bufferedBytes + receiver._messageLength + pieces * pieceBytes;
}

/** Whether `ws` still reads frames: neither a close frame nor a broken frame has come. */
export function readsFrames(webSocket: WebSocket): boolean {
  return receiverOf(webSocket)?.writable === true;
}

/** Removes the `close` listener of `ws` from a socket and returns it. The caller must call it once instead. */
export function takeCloseListener(socket: Socket): (this: Socket) => void {
  const listener = socket.listeners('close').find(({ name }) => name === 'socketOnClose');
  if (listener === undefined) throw new Error('`ws` has no close listener on its socket');
  socket.removeListener('close', listener as () => void);
  return listener as (this: Socket) => void;
}

/**
 * Hands bytes to `ws`, which emits the messages in them during this call. Bytes after a close frame or a broken frame
 * are dropped. Returns false if the socket must pause; `ws` resumes it.
 *
 * Never cork the receiver: `ws` ends it while it parses a close frame, and a stream that is ended inside `uncork` never
 * emits 'finish', so the WebSocket would never emit 'close'.
 */
export function receive(webSocket: WebSocket, chunk: Buffer): boolean {
  const receiver = receiverOf(webSocket);
  return receiver?.writable !== true || receiver.write(chunk);
}
