/** The maximum number of bytes of a number below 2^53 in lib0's encoding. */
export const maxVarUintBytes = 8;

/**
 * Writes a number at an offset in lib0's variable-length encoding: seven bits per byte, lowest first. Returns the end
 * offset.
 */
export function writeVarUint(bytes: Uint8Array, start: number, number: number): number {
  let at = start;
  let rest = number;
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 0x80)) bytes[at++] = 0x80 | (rest % 0x80);
  // The rest now fits the integer operators, which take a third of the time.
  for (; rest > 0x7f; rest >>>= 7) bytes[at++] = 0x80 | (rest & 0x7f);
  bytes[at++] = rest;
  return at;
}

/** The number of bytes that `writeVarUint` writes for a number. */
export function varUintBytes(number: number): number {
  let bytes = 1;
  for (let rest = number; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
