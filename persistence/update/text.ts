/**
 * The length of the UTF-8 text in bytes[start, end) in UTF-16 code units, or -1 if the text is invalid. Accepts exactly
 * the texts that a fatal TextDecoder accepts: no overlong forms, no surrogates, nothing above U+10FFFF.
 */
export function measureText(bytes: Uint8Array, start: number, end: number): number {
  let units = 0;
  let pos = start;
  while (pos < end) {
    const lead = bytes[pos++] as number;
    units++;
    if (lead < 0x80) continue;
    if (lead < 0xc2 || lead > 0xf4) return -1;
    const more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
    if (more > end - pos) return -1;
    // The second byte reveals overlong forms, surrogates and values above U+10FFFF.
    const second = bytes[pos] as number;
    if (second < lowestSecond(lead) || second > highestSecond(lead)) return -1;
    for (let i = 1; i < more; i++) if (((bytes[pos + i] as number) & 0xc0) !== 0x80) return -1;
    pos += more;
    if (more === 3) units++;
  }
  return units;
}

function lowestSecond(lead: number): number {
  if (lead === 0xe0) return 0xa0;
  return lead === 0xf0 ? 0x90 : 0x80;
}

function highestSecond(lead: number): number {
  if (lead === 0xed) return 0x9f;
  return lead === 0xf4 ? 0x8f : 0xbf;
}
