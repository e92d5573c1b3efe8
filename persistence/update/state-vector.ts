import { createEncoder, toUint8Array, writeVarUint } from 'lib0/encoding';
import { Reader } from './reader.ts';

/** Per client how many clocks are there, contiguous from 0. */
export type StateVector = ReadonlyMap<number, number>;

/** Reads a state vector in the encoding of Yjs. What comes from a client needs a limit. @throws MalformedUpdateError */
export function decodeStateVector(bytes: Uint8Array, maxClients = Infinity): Map<number, number> {
  const reader = new Reader(bytes);
  const count = reader.readCount(2);
  if (count > maxClients) reader.fail('too-many-clients');
  const vector = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const client = reader.readVarUint();
    if (vector.has(client)) reader.fail('repeated-client');
    vector.set(client, reader.readClock());
  }
  if (reader.pos < reader.end) reader.fail('trailing-bytes');
  return vector;
}

/** Writes a state vector as Yjs does: the highest client first, so that equal ones are equal bytes. Zeros are left out. */
export function encodeStateVector(vector: StateVector): Uint8Array {
  const entries = [...vector].filter(([, clock]) => clock > 0).sort(([a], [b]) => b - a);
  const encoder = createEncoder();
  writeVarUint(encoder, entries.length);
  for (const [client, clock] of entries) {
    writeVarUint(encoder, client);
    writeVarUint(encoder, clock);
  }
  return toUint8Array(encoder);
}

/** Whether `vector` knows everything that `other` knows. */
export function covers(vector: StateVector, other: StateVector): boolean {
  for (const [client, clock] of other) if (clock > (vector.get(client) ?? 0)) return false;
  return true;
}
