/** Bytes that a number below 2^53 takes in the encoding of lib0 at most. */
export const maxVarUintBytes = 8;

/** Writes a number at an offset in the variable-length encoding of lib0: seven bits a byte, lowest first. Returns where it ends. */
export function writeVarUint(bytes: Uint8Array, start: number, number: number): number {
  let at = start;
  let rest = number;
  for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 0x80)) bytes[at++] = 0x80 | (rest % 0x80);
  // From here on the number fits the integer operators, which take a third of the time.
  for (; rest > 0x7f; rest >>>= 7) bytes[at++] = 0x80 | (rest & 0x7f);
  bytes[at++] = rest;
  return at;
}

/** How many bytes `writeVarUint` takes for a number. */
export function varUintBytes(number: number): number {
  let bytes = 1;
  for (let rest = number; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
