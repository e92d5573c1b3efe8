import { RefusedError } from '../../errors.ts';

/** Reads a message with bounds: what does not fit throws RefusedError. Byte strings are views. */
export class MessageReader {
  readonly #data: Uint8Array;
  #offset = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  /** At most 2^53 - 1. */
  varUint(): number {
    let value = 0;
    let unit = 1;
    for (;;) {
      const byte = this.#data[this.#offset++];
      if (byte === undefined) throw new RefusedError('malformed', 'the message ends early');
      value += (byte & 0x7f) * unit;
      if (byte < 0x80) break;
      unit *= 0x80;
      if (unit > Number.MAX_SAFE_INTEGER) throw new RefusedError('malformed', 'a number is too large');
    }
    if (value > Number.MAX_SAFE_INTEGER) throw new RefusedError('malformed', 'a number is too large');
    return value;
  }

  bytes(): Uint8Array {
    const length = this.varUint();
    const end = this.#offset + length;
    if (end > this.#data.length) throw new RefusedError('malformed', 'the message ends early');
    const bytes = this.#data.subarray(this.#offset, end);
    this.#offset = end;
    return bytes;
  }

  end(): void {
    if (this.#offset !== this.#data.length) throw new RefusedError('malformed', 'bytes after the message');
  }
}
