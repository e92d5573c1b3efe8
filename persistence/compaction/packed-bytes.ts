/** Many byte arrays in one, so that a thousand keystrokes need one transfer to the thread instead of a thousand. */
export interface PackedBytes {
  /** The concatenated arrays, in a buffer of their own that may be transferred. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The length of each array in bytes. */
  readonly lengths: Uint32Array<ArrayBuffer>;
}

/** Copies the arrays, so that their buffers, which may be pooled, are not transferred. */
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
