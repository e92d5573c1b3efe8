import { MalformedUpdateError, type MalformedUpdateCode } from '../errors.ts';
import { measureText } from './text.ts';

/** Clocks and lengths end up in 32-bit arrays, and so does their sum. */
export const maxClock = 2 ** 32 - 1;

/** Fatal, and keeps a byte order mark: the decoder that Yjs reads strings with. */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A cursor over the bytes of an update. Reads the encodings of lib0, but never past the end and never a number that
 * Yjs could not hold; throws MalformedUpdateError instead. Nothing is allocated per read.
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

  /** Ends reading: throws, at the current offset. */
  fail(code: MalformedUpdateCode): never {
    throw new MalformedUpdateError(code, this.pos);
  }

  readByte(): number {
    if (this.pos >= this.end) this.fail('truncated');
    return this.bytes[this.pos++] as number;
  }

  /** Up to 2^53 - 1. */
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

  /** A clock or a length: a varUint up to `maxClock`. */
  readClock(): number {
    const value = this.readVarUint();
    if (value > maxClock) this.fail('number-too-large');
    return value;
  }

  /** A number of things that take at least `minBytes` each; more than there can be is refused before anybody allocates. */
  readCount(minBytes: number): number {
    const count = this.readVarUint();
    if (count * minBytes > this.end - this.pos) this.fail('truncated');
    return count;
  }

  /** A signed number; the first byte carries sign and six bits. Its value is never needed. */
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

  /** A varUint length and as many bytes. */
  skipBuffer(): void {
    this.skip(this.readVarUint());
  }

  /** A length-prefixed text. Returns its length in UTF-16 code units, which is what Yjs counts clocks by. */
  skipText(): number {
    const byteCount = this.readVarUint();
    if (byteCount > this.end - this.pos) this.fail('truncated');
    const units = measureText(this.bytes, this.pos, this.pos + byteCount);
    if (units < 0) this.fail('bad-text');
    this.pos += byteCount;
    return units;
  }

  /** A length-prefixed text, as a string. */
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
