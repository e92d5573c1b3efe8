/** A WebSocket close code, and a reason of at most 123 bytes. */
export interface CloseReason {
  readonly code: number;
  readonly reason: string;
}

/** A socket that buffers less counts as empty: `drained` is not called for it. The default of Node's streams. */
export const drainBytes = 16 * 1024;

/** One WebSocket as a session sees it: bytes in, bytes out, buffered bytes, close. Knows no documents. */
export interface Connection {
  readonly id: string;
  /** Passes all further events to `handler`, instead of the handler before it. */
  attach(handler: ConnectionHandler): void;
  /** Bytes that were written but that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** Writes one or more complete WebSocket frames (frame.ts). The buffer may be shared, and must not be changed. */
  write(frames: Uint8Array): void;
  /** Passes everything that is written in this turn of the event loop to the kernel together. */
  cork(): void;
  /** Sends a close frame, and cuts the socket off if the client does not answer in time. May be called twice. */
  close(reason: CloseReason): void;
  /**
   * Stops and resumes reading from the socket, as back pressure on the client. Messages that were read already (up to
   * 64 KiB) still arrive after `pause`. While reading is paused, the end of the connection is not noticed.
   */
  pause(): void;
  resume(): void;
  /**
   * Reads at most this many more bytes, plus the rest of the same read, until it is called again; null removes the
   * limit. For clients whose access is not checked yet.
   */
  limitReading(bytes: number | null): void;
  /**
   * Ends the deadline for the handshake: the session is live, and its client has sent a message. May be called twice.
   */
  established(): void;
}

/** Receives the events of a connection. Nothing is called after `closed`. */
export interface ConnectionHandler {
  /** One binary message. Valid only during the call. */
  message(data: Uint8Array): void;
  /** The kernel has taken everything that was buffered. Called only if `drainBytes` or more were buffered before. */
  drained(): void;
  closed(code: number, reason: string): void;
  /** Bytes of messages that were passed to `message` and still wait to be handled. Read four times a second. */
  readonly queuedBytes: number;
}
