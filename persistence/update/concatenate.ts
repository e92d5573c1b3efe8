import { createEncoder, toUint8Array, writeUint8Array, writeVarUint } from 'lib0/encoding';
import { readDeleteRanges } from './delete-set.ts';
import { RangeSet } from './ranges.ts';
import { noScanLimits, StructReader, structKind } from './struct-reader.ts';

/** The structs of one client: pieces of updates that follow each other without a gap. */
interface Chain {
  readonly client: number;
  readonly clock: number;
  /** The clock at which the next piece must begin. */
  end: number;
  structCount: number;
  readonly pieces: Uint8Array[];
}

/**
 * Merges scanned updates if the structs of each client begin where they ended in the update before. This is true of
 * nearly all entries of a log. Linear, and copies bytes: a tenth of the work of `Y.mergeUpdates`. Returns null if the
 * updates do not follow each other; structs must then be sorted, cut or skipped.
 */
export function concatenateUpdates(updates: readonly Uint8Array[]): Uint8Array | null {
  const chains = new Map<number, Chain>();
  const deletes = new RangeSet();
  for (const update of updates) {
    const reader = new StructReader(update, noScanLimits);
    while (reader.nextClient()) if (!append(chains, reader)) return null;
    deletes.addAll(readDeleteRanges(reader, noScanLimits));
  }
  const encoder = createEncoder();
  writeVarUint(encoder, chains.size);
  // The highest client first, as Yjs does.
  for (const { client, clock, structCount, pieces } of [...chains.values()].sort((a, b) => b.client - a.client)) {
    writeVarUint(encoder, structCount);
    writeVarUint(encoder, client);
    writeVarUint(encoder, clock);
    for (const piece of pieces) writeUint8Array(encoder, piece);
  }
  writeUint8Array(encoder, deletes.encodeDeleteSet());
  return toUint8Array(encoder);
}

/** Appends the structs of the reader's client. False if they do not follow the structs in its chain. */
function append(chains: Map<number, Chain>, reader: StructReader): boolean {
  const { client, structsLeft, pos: start } = reader;
  let chain = chains.get(client);
  while (reader.nextStruct()) {
    if (chain === undefined) {
      chain = { client, clock: reader.clock, end: reader.clock, structCount: 0, pieces: [] };
      chains.set(client, chain);
    }
    if (reader.kind === structKind.skip || reader.clock !== chain.end) return false;
    chain.end = reader.clock + reader.length;
  }
  if (chain === undefined) return false;
  chain.structCount += structsLeft;
  chain.pieces.push(reader.bytes.subarray(start, reader.pos));
  return true;
}
