/** Why a socket is closed: a WebSocket close code and a reason of at most 123 bytes. */
export interface CloseReason {
  readonly code: number;
  readonly reason: string;
}

/** A socket that buffers less is as good as empty: `drained` is not called for it. Node's default for streams. */
export const DRAIN_BYTES = 16 * 1024;

/** One WebSocket as a session sees it: bytes in, bytes out, bytes still buffered, close. Knows no documents. */
export interface Connection {
  readonly id: string;
  /** From now on everything goes to `handler`, in place of the handler before it. */
  attach(handler: ConnectionHandler): void;
  /** Bytes that were written but that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** Writes one or more complete WebSocket frames (see frame.ts). The buffer may be shared: nobody writes into it. */
  write(frames: Uint8Array): void;
  /** What is written from now on until nothing more follows in this turn of the event loop goes to the kernel together. */
  cork(): void;
  /** Sends a close frame; ends the socket by force if the peer does not answer in time. Twice is fine. */
  close(reason: CloseReason): void;
  /**
   * Stops and starts reading from the socket: back pressure on a client that sends faster than we take. Messages that
   * were read already (up to 64 KiB) still come after `pause`, and one that is paused is not seen to vanish.
   */
  pause(): void;
  resume(): void;
  /**
   * Reads no more than this many bytes, and what the same read brings along, until it is called again; null for any number.
   * For clients that nobody knows yet.
   */
  limitReading(bytes: number | null): void;
  /** The session on it is live, and its client has said something: deadlines for becoming so end here. Twice is fine. */
  established(): void;
}

/** What a connection tells its owner. After `closed` nothing else is called. */
export interface ConnectionHandler {
  /** One binary message. Valid only during the call. */
  message(data: Uint8Array): void;
  /** The kernel has taken everything that was buffered. Comes only if DRAIN_BYTES or more were buffered in between. */
  drained(): void;
  closed(code: number, reason: string): void;
  /** Bytes of messages that were handed over and still wait to be taken. Asked for now and then. */
  readonly queuedBytes: number;
}
