/** Writes ASN.1 in its distinguished encoding (X.690), as far as a certificate needs it. */

type Bytes = Uint8Array;

export function sequence(...children: readonly Bytes[]): Bytes {
  return element(0x30, ...children);
}

export function set(...children: readonly Bytes[]): Bytes {
  return element(0x31, ...children);
}

/** A value with a context tag. `constructed` means that it contains other elements. */
export function tagged(tag: number, constructed: boolean, ...children: readonly Bytes[]): Bytes {
  return element((constructed ? 0xa0 : 0x80) | tag, ...children);
}

/** A non-negative integer of any size, big-endian. */
export function integer(bytes: Bytes): Bytes {
  const start = bytes.findIndex((byte) => byte !== 0);
  const digits = start === -1 ? Uint8Array.of(0) : bytes.subarray(start);
  // The highest bit is the sign.
  return digits[0]! >= 0x80 ? element(0x02, Uint8Array.of(0), digits) : element(0x02, digits);
}

export function boolean(value: boolean): Bytes {
  return element(0x01, Uint8Array.of(value ? 0xff : 0));
}

export function octetString(bytes: Bytes): Bytes {
  return element(0x04, bytes);
}

/** `unusedBits` of the last byte do not count. */
export function bitString(bytes: Bytes, unusedBits = 0): Bytes {
  return element(0x03, Uint8Array.of(unusedBits), bytes);
}

export function utf8String(text: string): Bytes {
  return element(0x0c, Buffer.from(text));
}

/** An object identifier, written with dots. */
export function objectId(dotted: string): Bytes {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** A time in seconds. X.509 requires two digits for the year until 2049. */
export function time(ms: number): Bytes {
  const digits = new Date(ms).toISOString().replace(/[-:T]|\.\d+/g, '');
  return Number(digits.slice(0, 4)) < 2050
    ? element(0x17, Buffer.from(digits.slice(2)))
    : element(0x18, Buffer.from(digits));
}

/** Seven bits per byte, the highest first. All bytes but the last have their top bit set. */
function base128(number: number): number[] {
  const bytes = [number & 0x7f];
  for (let rest = number >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}

function element(tag: number, ...contents: readonly Bytes[]): Bytes {
  const content = Buffer.concat(contents);
  return Buffer.concat([Uint8Array.of(tag, ...lengthOf(content.length)), content]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest >>>= 8) bytes.unshift(rest & 0xff);
  return [0x80 | bytes.length, ...bytes];
}
