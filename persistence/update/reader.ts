import { MalformedUpdateError } from '../errors.ts';
import type { MalformedUpdateCode } from '../errors.ts';
import { measureText } from './text.ts';

/** The maximum of clocks, lengths and their sums, because they are stored in 32-bit arrays. */
export const maxClock = 2 ** 32 - 1;

/** Fatal, and keeps a byte order mark, like the decoder with which Yjs reads strings. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A cursor over the bytes of an update. Reads lib0's encodings, but throws MalformedUpdateError instead of reading past
 * the end or returning a number that Yjs cannot hold. Reads allocate nothing.
 */
export class Reader {
  readonly bytes: Uint8Array;
  /** Offset of the next byte. */
  pos = 0;
  readonly end: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.end = bytes.length;
  }

  /** Throws MalformedUpdateError with the current offset. */
  fail(code: MalformedUpdateCode): never {
    throw new MalformedUpdateError(code, this.pos);
  }

  readByte(): number {
    if (this.pos >= this.end) this.fail('truncated');
    return this.bytes[this.pos++] as number;
  }

  /** Reads a number up to 2^53 - 1. */
  readVarUint(): number {
    const { bytes, end } = this;
    let pos = this.pos;
    if (pos >= end) this.fail('truncated');
    let byte = bytes[pos++] as number;
    if (byte < 0x80) {
      this.pos = pos;
      return byte;
    }
    let value = byte & 0x7f;
    // Eight bytes hold 56 bits. More are never needed, and endless padding makes lib0's own reader return NaN.
    for (let scale = 0x80; scale < 2 ** 56; scale *= 0x80) {
      if (pos >= end) this.fail('truncated');
      byte = bytes[pos++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) this.fail('number-too-large');
        this.pos = pos;
        return value;
      }
    }
    return this.fail('number-too-large');
  }

  /** Reads a clock or a length: a varUint up to `maxClock`. */
  readClock(): number {
    const value = this.readVarUint();
    if (value > maxClock) this.fail('number-too-large');
    return value;
  }

  /**
   * Reads the number of following things of at least `minBytes` each. Rejects an impossible number before memory is
   * allocated.
   */
  readCount(minBytes: number): number {
    const count = this.readVarUint();
    if (count * minBytes > this.end - this.pos) this.fail('truncated');
    return count;
  }

  /** Skips a signed number. The first byte holds the sign and six bits. The value is never needed. */
  skipVarInt(): void {
    const first = this.readByte();
    if (first < 0x80) return;
    let value = first & 0x3f;
    for (let scale = 0x40; scale < 2 ** 55; scale *= 0x80) {
      const byte = this.readByte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (value > Number.MAX_SAFE_INTEGER) this.fail('number-too-large');
        return;
      }
    }
    this.fail('number-too-large');
  }

  skip(byteCount: number): void {
    if (byteCount > this.end - this.pos) this.fail('truncated');
    this.pos += byteCount;
  }

  /** Skips a varUint length and that many bytes. */
  skipBuffer(): void {
    this.skip(this.readVarUint());
  }

  /** Skips a length-prefixed text. Returns its length in UTF-16 code units, by which Yjs counts clocks. */
  skipText(): number {
    const byteCount = this.readVarUint();
    if (byteCount > this.end - this.pos) this.fail('truncated');
    const units = measureText(this.bytes, this.pos, this.pos + byteCount);
    if (units < 0) this.fail('bad-text');
    this.pos += byteCount;
    return units;
  }

  /** Reads a length-prefixed text. */
  readText(): string {
    const byteCount = this.readVarUint();
    const start = this.pos;
    this.skip(byteCount);
    try {
      return utf8.decode(this.bytes.subarray(start, this.pos));
    } catch {
      this.pos = start;
      return this.fail('bad-text');
    }
  }
}
