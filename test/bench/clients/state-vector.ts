import * as encoding from 'lib0/encoding';

/** The state vector of a client that has `clock` edits of one author, and nothing else. */
export function stateVectorOf(author: number, clock: number): Uint8Array {
  const encoder = encoding.createEncoder();
  for (const number of [1, author, clock]) encoding.writeVarUint(encoder, number);
  return encoding.toUint8Array(encoder);
}
