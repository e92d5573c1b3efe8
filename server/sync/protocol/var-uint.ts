/** Appends a number in the variable-length encoding of lib0: seven bits a byte, lowest first. */
export function encodeVarUint(bytes: number[], value: number): void {
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
}
