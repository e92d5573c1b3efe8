/** Many byte arrays as one, so that a thousand keystrokes cross to a thread as one transfer and not as a thousand. */
export interface PackedBytes {
  /** The arrays one after the other. Its buffer is its own: it may be transferred. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The length of each, in bytes. */
  readonly lengths: Uint32Array<ArrayBuffer>;
}

/** Copies: what was passed in stays whole, even if it was a slice of a pooled buffer that others use as well. */
export function packBytes(arrays: readonly Uint8Array[]): PackedBytes {
  const lengths = Uint32Array.from(arrays, (array) => array.length);
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  let offset = 0;
  for (const array of arrays) {
    bytes.set(array, offset);
    offset += array.length;
  }
  return { bytes, lengths };
}

/** Views into the packed bytes, not copies. */
export function unpackBytes(packed: PackedBytes): Uint8Array[] {
  let offset = 0;
  return Array.from(packed.lengths, (length) => {
    const array = packed.bytes.subarray(offset, offset + length);
    offset += length;
    return array;
  });
}
