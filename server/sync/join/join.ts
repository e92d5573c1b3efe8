import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PinnedSnapshot, SnapshotPart } from '../../../persistence/update-log.ts';
import { mergeInLevels, withDeleteSet } from '../../../persistence/update/merge.ts';
import { diffStructs } from '../../../persistence/update/parts.ts';
import { covers, decodeStateVector, type StateVector } from '../../../persistence/update/state-vector.ts';
import { CLIENT_WEIGHT, mergingWeightOfAll, readingWeight } from '../../../persistence/update/weight.ts';
import type { Codec } from '../protocol/codec.ts';
import { gather } from '../room/gather.ts';
import { MAX_DOCUMENT_CLIENTS } from '../room/intake.ts';
import { MAX_MERGE_WEIGHT, OFFLOAD_BYTES, type Offload } from '../offload.ts';
import type { Room } from '../room/room.ts';
import type { Block } from '../room/tail.ts';

/** Of the tail, what is compared with what a client has in one turn of the event loop. */
const WEIGHT_PER_TURN = OFFLOAD_BYTES / 2;
/** What of the tail may be written at once; more is pulled as the socket drains. */
const TAIL_BURST_BYTES = 1024 * 1024;
/** Clients in a state vector: twice as many as a document takes, for what a client has and the server does not. */
export const MAX_STATE_VECTOR_CLIENTS = 2 * MAX_DOCUMENT_CLIENTS;
const EMPTY_UPDATE = Uint8Array.of(0, 0);

/** What the client says that it has, decoded and as it came. */
interface Client {
  readonly has: StateVector;
  readonly stateVector: Uint8Array;
}

/** The session's side of a join. */
export interface JoinSink {
  readonly codec: Codec;
  readonly ended: boolean;
  write(frames: Uint8Array): void;
  /** Resolves when the socket has taken what was written, but for a little, or has ended. */
  whenDrained(): Promise<void>;
}

/**
 * Answers a SyncStep1: sends what the client lacks, the last of it as SyncStep2. Pulled as the socket drains, so that
 * a slow client costs no more than one part. Calls `live` in the same turn in which the last message is written: what
 * is committed from then on must reach the client by itself. Resolves when that is done or the sink has ended. Rejects
 * with MalformedUpdateError for a bad state vector, with CorruptDocumentError if the snapshot cannot be read.
 */
export async function answerSyncStep1(
  room: Room,
  stateVector: Uint8Array,
  sink: JoinSink,
  offload: Offload,
  live: () => void,
): Promise<void> {
  const answer = room.lastAnswer.find(stateVector, room, sink.codec);
  if (answer !== null) {
    sink.write(answer);
    live();
    return;
  }
  const has = decodeStateVector(stateVector, MAX_STATE_VECTOR_CLIENTS);
  const client = { has, stateVector };
  const pinned = room.pin();
  try {
    const stored = pinned === null ? null : decodeStateVector(pinned.snapshot.stateVector);
    const hasNothing = stored === null ? has.size === 0 : !sharesClient(has, stored);
    if (hasNothing) {
      await sendAll(room, pinned, sink, live);
      return;
    }
    const lacking = pinned === null || covers(has, stored!) ? EMPTY_UPDATE : await lackingOf(pinned, client, offload);
    if (!sink.ended)
      await sendLacking(room, { lastSeq: pinned?.snapshot.seq ?? 0, update: lacking }, client, sink, offload, live);
  } finally {
    room.unpin(pinned);
  }
}

/** For a client that has nothing of the document: the snapshot as it lies on disk, then the tail. */
async function sendAll(room: Room, pinned: PinnedSnapshot | null, sink: JoinSink, live: () => void): Promise<void> {
  const { codec } = sink;
  if (pinned !== null) {
    for (let part = 0; part < pinned.snapshot.parts.length; part++) {
      const frames = await room.snapshotFrames(codec, pinned, part);
      await sink.whenDrained();
      if (sink.ended) return;
      sink.write(frames);
    }
    if (pinned.snapshot.pending !== null) sink.write(codec.update(pinned.snapshot.pending));
  }
  let seq = pinned?.snapshot.seq ?? 0;
  for (;;) {
    const blocks = tailAfter(room, seq);
    const burst = takeBurst(blocks);
    const ends = burst === blocks.length;
    if (blocks.length === 0) sink.write(codec.syncStep2(EMPTY_UPDATE));
    for (const frames of room.tail.frames(codec, blocks.slice(0, burst), ends)) sink.write(frames);
    if (ends) {
      live();
      return;
    }
    seq = blocks[burst - 1]!.lastSeq;
    await sink.whenDrained();
    if (sink.ended) return;
  }
}

/** What is durable may still be gathered for the peers: whoever is told that it is synced must have it too. */
function tailAfter(room: Room, seq: number): Block[] {
  room.tick();
  return room.tail.after(seq);
}

/** How many of the blocks go out at once: all those of one entry at least. The next burst is found by sequence number. */
function takeBurst(blocks: readonly Block[]): number {
  let bytes = 0;
  for (const [index, { update, lastSeq }] of blocks.entries()) {
    bytes += update.length;
    if (bytes > TAIL_BURST_BYTES && index > 0 && lastSeq !== blocks[index - 1]!.lastSeq) return index;
  }
  return blocks.length;
}

/**
 * Of the snapshot, what a client lacks that has some of it. One update, whatever the number of parts: a document that is
 * shown with a piece missing is dangerous.
 */
async function lackingOf(pinned: PinnedSnapshot, client: Client, offload: Offload): Promise<Uint8Array> {
  const diffs: Uint8Array[] = [];
  const { parts, pending } = pinned.snapshot;
  for (const [index, part] of parts.entries()) {
    if (lacksSome(part, client.has)) diffs.push(await diff(await pinned.read(index), client, offload));
  }
  if (pending !== null) diffs.push(await diff(pending, client, offload));
  if (diffs.length === 1) return diffs[0]!;
  const isHeavy = mergingWeightOfAll(diffs, MAX_MERGE_WEIGHT) > MAX_MERGE_WEIGHT;
  return isHeavy ? offload.merge(diffs) : mergeInLevels(diffs);
}

/**
 * Sends the structs that a client lacks: these of the snapshot, then those of the tail. A state vector says nothing of deletions:
 * the whole delete set comes with the first of them, so that nothing is ever shown that was deleted, and no second time
 * unless it has grown.
 */
async function sendLacking(
  room: Room,
  ofSnapshot: Block,
  client: Client,
  sink: JoinSink,
  offload: Offload,
  live: () => void,
): Promise<void> {
  const { codec } = sink;
  let seq = ofSnapshot.lastSeq;
  let lacking = isEmpty(ofSnapshot.update) ? [] : [ofSnapshot];
  let sentDeletes: Uint8Array | null = null;
  let isFirst = true;
  const takeUpdates = (): Uint8Array[] => {
    const updates = gather(lacking).map((block) => block.update);
    const deletes = room.durable.encodeDeleteSet();
    if (deletes !== sentDeletes) updates[0] = withDeleteSet(updates[0] ?? EMPTY_UPDATE, deletes);
    sentDeletes = deletes;
    lacking = [];
    return updates;
  };
  // What it took to read the state vector counts: with tens of thousands of clients that fills a turn.
  let read = client.has.size * CLIENT_WEIGHT + ofSnapshot.update.length;
  for (let blocks = tailAfter(room, seq); blocks.length > 0; blocks = tailAfter(room, seq)) {
    const { lastSeq } = blocks[0]!;
    for (const { update } of blocks.filter((block) => block.lastSeq === lastSeq)) {
      const structs = await diff(update, client, offload);
      if (!isEmpty(structs)) lacking.push({ lastSeq, update: structs });
      read += readingWeight(update);
    }
    seq = lastSeq;
    if (read < WEIGHT_PER_TURN) continue;
    // More than one turn of the event loop may hold: send what there is, and go on when the socket has taken it.
    sink.write(Buffer.concat(takeUpdates().map(codec.update)));
    isFirst = false;
    read = 0;
    await nextTurn();
    await sink.whenDrained();
    if (sink.ended) return;
  }
  const updates = takeUpdates();
  const last = codec.syncStep2(updates.pop() ?? EMPTY_UPDATE);
  const answer = updates.length === 0 ? last : Buffer.concat([...updates.map(codec.update), last]);
  if (isFirst) room.lastAnswer.keep(client.stateVector, room, codec, answer);
  sink.write(answer);
  live();
}

function isEmpty(structs: Uint8Array): boolean {
  return structs.length === EMPTY_UPDATE.length;
}

function diff(update: Uint8Array, { has, stateVector }: Client, offload: Offload): Promise<Uint8Array> | Uint8Array {
  return readingWeight(update) > OFFLOAD_BYTES ? offload.diff(update, stateVector) : diffStructs(update, has);
}

function sharesClient(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>): boolean {
  for (const client of a.keys()) if (b.has(client)) return true;
  return false;
}

function lacksSome(part: SnapshotPart, has: ReadonlyMap<number, number>): boolean {
  for (let i = 0; i < part.intervals.length; i += 3) {
    if ((has.get(part.intervals[i]!) ?? 0) < part.intervals[i + 2]!) return true;
  }
  return false;
}
