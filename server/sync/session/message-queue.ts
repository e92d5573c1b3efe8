import { limitReached } from '../../errors.ts';

/**
 * Messages that cannot be handled yet, in order. Its owner pauses the connection while it holds any, so only messages
 * arrive that were already read from the socket. The bound must fit those.
 */
export class MessageQueue {
  readonly #maxBytes: number;
  #messages: Uint8Array[] = [];
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#messages.length;
  }

  /** Copies the message. Throws RefusedError beyond the bound. */
  push(data: Uint8Array): void {
    this.#bytes += data.length;
    if (this.#bytes > this.#maxBytes) throw limitReached('queue-size');
    this.#messages.push(data.slice());
  }

  /** Takes the oldest message. */
  shift(): Uint8Array | undefined {
    const data = this.#messages.shift();
    if (data !== undefined) this.#bytes -= data.length;
    return data;
  }
}
