/** The raw Snappy format. LevelDB stores a block in it if that saves at least an eighth. */

/** Types of copies from earlier output, given by the two lowest bits of a tag. 0 is a literal. */
const shortCopy = 1;
const mediumCopy = 2;

/** Uncompresses a block. Throws RangeError if the bytes are not Snappy. */
export function uncompress(bytes: Uint8Array): Uint8Array {
  let at = 0;
  const next = (): number => {
    const byte = bytes[at++];
    if (byte === undefined) throw new RangeError('compressed bytes end early');
    return byte;
  };
  const little = (count: number): number => {
    let value = 0;
    for (let i = 0; i < count; i += 1) value += next() * 2 ** (8 * i);
    return value;
  };

  const output = new Uint8Array(readLength(next, bytes.length));
  let end = 0;
  while (at < bytes.length) {
    const tag = next();
    const high = tag >>> 2;
    if ((tag & 3) === 0) {
      const length = 1 + (high < 60 ? high : little(high - 59));
      if (at + length > bytes.length || end + length > output.length) throw new RangeError('a literal is too long');
      output.set(bytes.subarray(at, at + length), end);
      at += length;
      end += length;
      continue;
    }
    const isShort = (tag & 3) === shortCopy;
    const length = isShort ? 4 + (high & 7) : 1 + high;
    const distance = isShort ? (tag >>> 5) * 256 + next() : little((tag & 3) === mediumCopy ? 2 : 4);
    if (distance === 0 || distance > end || end + length > output.length)
      throw new RangeError('a copy is out of range');
    // Byte by byte: a copy may overlap its own output.
    for (const last = end + length; end < last; end += 1) output[end] = output[end - distance]!;
  }
  if (end !== output.length) throw new RangeError('uncompressed bytes are missing');
  return output;
}

/**
 * Reads the length of the output, which precedes the first tag. It is limited to what this much input can expand to.
 */
function readLength(next: () => number, inputBytes: number): number {
  let length = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = next();
    length += (byte & 127) * 2 ** shift;
    if (byte < 128) {
      // The densest encoding is a copy of 64 bytes in 3 bytes.
      if (length > inputBytes * 22) throw new RangeError('the length is too large');
      return length;
    }
  }
  throw new RangeError('the length is too long');
}
