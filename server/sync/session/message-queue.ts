import { limitReached } from '../../errors.ts';
import type { Connection } from '../connection.ts';

type Reading = Pick<Connection, 'pause' | 'resume'>;

/**
 * Messages that arrive before a session can take them. The connection is paused meanwhile, so that only what was
 * already read comes here; the bound is for what one read may bring.
 */
export class MessageQueue {
  readonly #connection: Reading;
  readonly #maxBytes: number;
  #messages: Uint8Array[] = [];
  #bytes = 0;

  constructor(connection: Reading, maxBytes: number) {
    this.#connection = connection;
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#messages.length;
  }

  /** Throws RefusedError beyond the bound. */
  push(data: Uint8Array): void {
    if (this.#messages.length === 0) this.#connection.pause();
    this.#bytes += data.length;
    if (this.#bytes > this.#maxBytes) throw limitReached('queue-size');
    this.#messages.push(data.slice());
  }

  /** The oldest message; reading goes on once the last one is taken. */
  shift(): Uint8Array | undefined {
    const data = this.#messages.shift();
    if (data !== undefined) this.#bytes -= data.length;
    if (this.#messages.length === 0) this.#connection.resume();
    return data;
  }
}
