import { maxVarUintBytes, varUintBytes, writeVarUint } from './var-uint.ts';
import { maxClock } from './reader.ts';
import type { Reader } from './reader.ts';
import type { ScanLimits } from './struct-reader.ts';

/** From this many numbers on, filling an array of doubles is faster than growing an array. */
const minTypedNumbers = 3_000;

/** A list of numbers in either kind of array. */
export type Numbers = readonly number[] | Float64Array;

/**
 * Reads the delete set at the end of an update (format V1). Returns flat triples (client, start, end exclusive) with
 * adjacent ranges joined. The ranges of a client must ascend and must not overlap or be empty, and no client may occur
 * twice. Yjs writes delete sets this way; if one is different and must be kept as pending, Yjs mixes it up or throws.
 */
export function readDeleteRanges(reader: Reader, limits: ScanLimits): Numbers {
  // Most updates delete nothing.
  if (reader.bytes[reader.pos] === 0) {
    reader.pos++;
    return [];
  }
  const sections = [...readDeleteSections(reader, limits)];
  const length = sections.reduce((sum, { used }) => sum + (used / 2) * 3, 0);
  const flat: number[] | Float64Array = length < minTypedNumbers ? [] : new Float64Array(length);
  let at = 0;
  for (const { client, pairs, used } of sections) {
    for (let i = 0; i < used; i += 2) {
      flat[at++] = client;
      flat[at++] = pairs[i] as number;
      flat[at++] = pairs[i + 1] as number;
    }
  }
  return flat;
}

/** The ranges of one client in a delete set. */
export interface DeleteSection {
  readonly client: number;
  /** Pairs (start, end exclusive), ascending and never adjacent. */
  readonly pairs: Uint32Array;
  /** Numbers in use; two per range. */
  readonly used: number;
}

/** Reads a delete set as `readDeleteRanges` does, client by client. */
export function* readDeleteSections(reader: Reader, limits: ScanLimits): Generator<DeleteSection, void> {
  const clientCount = reader.readCount(2);
  if (clientCount > limits.maxClients) reader.fail('too-many-clients');
  let previous = Infinity;
  /** While clients descend, as Yjs writes them, none can repeat and no set is needed. */
  let isDescending = true;
  const clients: number[] = [];
  let seen: Set<number> | undefined;
  let rangeCount = 0;
  for (let i = 0; i < clientCount; i++) {
    const client = reader.readVarUint();
    if (isDescending && client >= previous) {
      isDescending = false;
      seen = new Set(clients);
    }
    if (seen?.has(client) === true) reader.fail('repeated-client');
    seen?.add(client);
    clients.push(client);
    previous = client;
    const count = reader.readCount(2);
    rangeCount += count;
    if (rangeCount > limits.maxDeletedRanges) reader.fail('too-many-deletions');
    const pairs = new Uint32Array(2 * count);
    const used = readPairs(reader, count, pairs);
    if (used > 0) yield { client, pairs, used };
  }
}

function readPairs(reader: Reader, count: number, into: Uint32Array): number {
  let last = -1;
  let used = 0;
  for (let i = 0; i < count; i++) {
    const start = reader.readClock();
    const length = reader.readClock();
    if (length === 0) reader.fail('empty-struct');
    const end = start + length;
    if (end > maxClock) reader.fail('number-too-large');
    if (start < last) reader.fail('unsorted');
    if (start === last) into[used - 1] = end;
    else {
      into[used++] = start;
      into[used++] = end;
    }
    last = end;
  }
  return used;
}

/**
 * Encodes flat triples (client, start, end) like `encodeDeleteSections`. Those of a client must be adjacent and ascend.
 */
export function encodeDeleteRanges(flat: Numbers): Uint8Array {
  const sections: DeleteSection[] = [];
  for (let from = 0, to = 0; from < flat.length; from = to) {
    const client = flat[from] as number;
    while (to < flat.length && flat[to] === client) to += 3;
    const pairs = new Uint32Array(((to - from) / 3) * 2);
    for (let i = from, used = 0; i < to; i += 3) {
      pairs[used++] = flat[i + 1] as number;
      pairs[used++] = flat[i + 2] as number;
    }
    sections.push({ client, pairs, used: pairs.length });
  }
  return encodeDeleteSections(sections);
}

/** Encodes a delete set of format V1, the highest client first, as Yjs does. Each client may occur only once. */
export function encodeDeleteSections(sections: readonly DeleteSection[]): Uint8Array {
  const sorted = isDescending(sections) ? sections : sections.toSorted((a, b) => b.client - a.client);
  const bytes = new Uint8Array(sorted.reduce((sum, section) => sum + sectionBytes(section), maxVarUintBytes));
  let at = writeVarUint(bytes, 0, sorted.length);
  for (const { client, pairs, used } of sorted) {
    at = writeVarUint(bytes, at, client);
    at = writeVarUint(bytes, at, used / 2);
    for (let i = 0; i < used; i += 2) {
      const start = pairs[i] as number;
      at = writeVarUint(bytes, at, start);
      at = writeVarUint(bytes, at, (pairs[i + 1] as number) - start);
    }
  }
  return bytes.length - at < at / 8 ? bytes.subarray(0, at) : bytes.slice(0, at);
}

/** The maximum size of an encoded section: no clock takes more bytes than the last one. */
function sectionBytes({ pairs, used }: DeleteSection): number {
  return 2 * maxVarUintBytes + used * varUintBytes(pairs[used - 1] as number);
}

function isDescending(sections: readonly DeleteSection[]): boolean {
  for (let i = 1; i < sections.length; i++) {
    if ((sections[i] as DeleteSection).client > (sections[i - 1] as DeleteSection).client) return false;
  }
  return true;
}
