import { createEncoder, toUint8Array, writeVarUint } from 'lib0/encoding';
import { maxClock, type Reader } from './reader.ts';
import type { ScanLimits } from './struct-reader.ts';

/**
 * Reads the delete set that ends an update, format V1. Returns flat triples client, start, end (exclusive), neighbours
 * joined. The ranges of a client must ascend and may not overlap or be empty, and no client may come twice: Yjs writes them
 * so, and a Yjs that must keep them for later mixes them up or throws if they are not.
 */
export function readDeleteRanges(reader: Reader, limits: ScanLimits): number[] {
  const ranges: number[] = [];
  const clientCount = reader.readCount(2);
  if (clientCount > limits.maxClients) reader.fail('too-many-clients');
  let previous = Infinity;
  let seen: Set<number> | undefined;
  let rangeCount = 0;
  for (let i = 0; i < clientCount; i++) {
    const client = reader.readVarUint();
    // Descending, as they are written, none can repeat and no set is needed.
    if (seen === undefined && client >= previous) seen = clientsOf(ranges);
    if (seen?.has(client) === true) reader.fail('repeated-client');
    seen?.add(client);
    previous = client;
    const count = reader.readCount(2);
    rangeCount += count;
    if (rangeCount > limits.maxStructs) reader.fail('too-many-structs');
    readRanges(reader, client, count, ranges);
  }
  return ranges;
}

function readRanges(reader: Reader, client: number, count: number, into: number[]): void {
  let last = -1;
  for (let i = 0; i < count; i++) {
    const start = reader.readClock();
    const length = reader.readClock();
    if (length === 0) reader.fail('empty-struct');
    const end = start + length;
    if (end > maxClock) reader.fail('number-too-large');
    if (start < last) reader.fail('unsorted');
    if (start === last) into[into.length - 1] = end;
    else into.push(client, start, end);
    last = end;
  }
}

function clientsOf(ranges: readonly number[]): Set<number> {
  const clients = new Set<number>();
  for (let i = 0; i < ranges.length; i += 3) clients.add(ranges[i] as number);
  return clients;
}

/**
 * Writes flat triples client, start, end as a delete set of format V1, the highest client first, as Yjs does. The
 * triples of one client must stand together, ascending.
 */
export function encodeDeleteRanges(ranges: readonly number[]): Uint8Array {
  // Offsets of the first triple of each client. Mostly they stand there as Yjs wrote them, and need not be sorted.
  const firsts: number[] = [];
  let isSorted = true;
  for (let i = 0; i < ranges.length; i += 3) {
    if (ranges[i] === ranges[i - 3]) continue;
    firsts.push(i);
    isSorted &&= i === 0 || (ranges[i] as number) < (ranges[i - 3] as number);
  }
  if (!isSorted) firsts.sort((a, b) => (ranges[b] as number) - (ranges[a] as number));
  const encoder = createEncoder();
  writeVarUint(encoder, firsts.length);
  for (const first of firsts) {
    const client = ranges[first] as number;
    let end = first;
    while (ranges[end] === client) end += 3;
    writeVarUint(encoder, client);
    writeVarUint(encoder, (end - first) / 3);
    for (let i = first; i < end; i += 3) {
      const from = ranges[i + 1] as number;
      writeVarUint(encoder, from);
      writeVarUint(encoder, (ranges[i + 2] as number) - from);
    }
  }
  return toUint8Array(encoder);
}
