import { Reader } from './reader.ts';
import { maxVarUintBytes, writeVarUint } from './var-uint.ts';

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
  // Of 40,000 clients: numbers are sorted ten times as fast as entries, and an encoder that grows takes longer than the rest.
  const clients = Float64Array.from(vector.keys()).sort();
  const bytes = new Uint8Array(maxVarUintBytes * (2 * clients.length + 1));
  let count = 0;
  for (const clock of vector.values()) if (clock > 0) count++;
  let end = writeVarUint(bytes, 0, count);
  for (let i = clients.length - 1; i >= 0; i--) {
    const client = clients[i]!;
    const clock = vector.get(client)!;
    if (clock > 0) end = writeVarUint(bytes, writeVarUint(bytes, end, client), clock);
  }
  return bytes.slice(0, end);
}

/** Whether `vector` knows everything that `other` knows. */
export function covers(vector: StateVector, other: StateVector): boolean {
  for (const [client, clock] of other) if (clock > (vector.get(client) ?? 0)) return false;
  return true;
}
