import { Reader } from './reader.ts';
import { maxVarUintBytes, writeVarUint } from './var-uint.ts';

/** The number of known clocks per client, contiguous from 0. */
export type StateVector = ReadonlyMap<number, number>;

/**
 * Reads a state vector in the encoding of Yjs. Input from a client needs `maxClients`.
 * @throws MalformedUpdateError
 */
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

/**
 * Encodes a state vector like Yjs, but with the highest client first, so that equal vectors give equal bytes. Leaves
 * out zeros.
 */
export function encodeStateVector(vector: StateVector): Uint8Array {
  // For 40,000 clients: numbers are sorted ten times as fast as entries, and a growing encoder takes longer than all
  // the rest.
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

/** Whether `vector` contains everything in `other`. */
export function covers(vector: StateVector, other: StateVector): boolean {
  for (const [client, clock] of other) if (clock > (vector.get(client) ?? 0)) return false;
  return true;
}
