import { RefusedError } from '../../errors.ts';

/** Appends a number in the variable-length encoding of lib0: seven bits in each byte, the lowest first. */
export function encodeVarUint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
}

/**
 * Reads the values of a message in the encoding of lib0, in order. Throws RefusedError ('malformed') at the end of the
 * message and for numbers that are too large.
 */
export class MessageReader {
  readonly #data: Uint8Array;
  #offset = 0;

  constructor(data: Uint8Array) {
    this.#data = data;
  }

  /** Reads a number, at most 2^53 - 1. */
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

  /** Reads a byte string. Returns a view of the message. */
  bytes(): Uint8Array {
    const length = this.varUint();
    const end = this.#offset + length;
    if (end > this.#data.length) throw new RefusedError('malformed', 'the message ends early');
    const bytes = this.#data.subarray(this.#offset, end);
    this.#offset = end;
    return bytes;
  }

  /** Throws RefusedError unless the whole message was read. */
  end(): void {
    if (this.#offset !== this.#data.length) throw new RefusedError('malformed', 'bytes after the message');
  }
}
