import { setImmediate as nextTurn } from 'node:timers/promises';
import type { PinnedSnapshot, SnapshotPart } from '../../../persistence/update-log.ts';
import { mergeInLevels, withDeleteSet } from '../../../persistence/update/merge.ts';
import { diffStructs } from '../../../persistence/update/parts.ts';
import { covers, decodeStateVector } from '../../../persistence/update/state-vector.ts';
import type { StateVector } from '../../../persistence/update/state-vector.ts';
import { clientWeight, mergingWeightOfAll, readingWeight } from '../../../persistence/update/weight.ts';
import type { Codec } from '../protocol/codec.ts';
import { maxDocumentClients } from '../room/intake.ts';
import { maxMergeWeight, offloadBytes } from '../offload.ts';
import type { Offload } from '../offload.ts';
import type { Room } from '../room/room.ts';
import { mergeSegments } from '../room/tail.ts';
import type { Segment } from '../room/tail.ts';

/** How much of the tail is compared with a state vector in one turn of the event loop. */
const weightPerTurn = offloadBytes / 2;
/** How much of the tail is written at once. The rest follows as the socket drains. */
const tailBurstBytes = 1024 * 1024;
/** Clients in a state vector: twice the limit of a document, because a client may have edits that the server lacks. */
export const maxStateVectorClients = 2 * maxDocumentClients;
const emptyUpdate = Uint8Array.of(0, 0);

/** A client's state vector, decoded and as it was received. */
interface Client {
  readonly has: StateVector;
  readonly stateVector: Uint8Array;
}

/** The session's side of a join. */
export interface JoinSink {
  readonly codec: Codec;
  readonly ended: boolean;
  write(frames: Uint8Array): void;
  /** Resolves when the socket has taken nearly everything that was written, or has ended. */
  whenDrained(): Promise<void>;
}

/**
 * Answers a SyncStep1 with the updates that the client lacks, the last one as SyncStep2. Sends the next part when the
 * socket has drained, so a slow client costs the memory of one part. Calls `onSynced` in the same turn in which it
 * writes the last message: the caller must send everything that is committed after that. Resolves when the answer is
 * written or the sink has ended. Rejects with MalformedUpdateError for a bad state vector, and with
 * CorruptDocumentError if the snapshot cannot be read.
 */
export async function answerSyncStep1(
  room: Room,
  stateVector: Uint8Array,
  sink: JoinSink,
  offload: Offload,
  onSynced: () => void,
): Promise<void> {
  const answer = room.joinCache.answer(sink.codec, stateVector, room);
  if (answer !== null) {
    sink.write(answer);
    onSynced();
    return;
  }
  const has = decodeStateVector(stateVector, maxStateVectorClients);
  const client = { has, stateVector };
  const pinned = room.pin();
  try {
    const stored = pinned === null ? null : decodeStateVector(pinned.snapshot.stateVector);
    const hasNothing = stored === null ? has.size === 0 : !sharesClient(has, stored);
    if (hasNothing) {
      await sendAll(room, pinned, sink, onSynced);
      return;
    }
    const lacking = pinned === null || covers(has, stored!) ? emptyUpdate : await lackingOf(pinned, client, offload);
    if (sink.ended) return;
    const ofSnapshot = { lastSeq: pinned?.snapshot.seq ?? 0, update: lacking };
    await sendLacking(room, ofSnapshot, client, sink, offload, onSynced);
  } finally {
    room.unpin(pinned);
  }
}

/** Sends the whole document to a client that has none of it: the snapshot as it is on disk, then the tail. */
async function sendAll(room: Room, pinned: PinnedSnapshot | null, sink: JoinSink, onSynced: () => void): Promise<void> {
  const { codec } = sink;
  if (pinned !== null) {
    for (let part = 0; part < pinned.snapshot.parts.length; part++) {
      const message = await room.joinCache.snapshotPart(codec, pinned, part);
      await sink.whenDrained();
      if (sink.ended) return;
      sink.write(message);
    }
    if (pinned.snapshot.pending !== null) sink.write(codec.update(pinned.snapshot.pending));
  }
  let seq = pinned?.snapshot.seq ?? 0;
  for (;;) {
    const segments = tailAfter(room, seq);
    const burst = burstLength(segments);
    const endsJoin = burst === segments.length;
    if (segments.length === 0) sink.write(codec.syncStep2(emptyUpdate));
    for (const messages of room.joinCache.tailMessages(codec, segments.slice(0, burst), endsJoin)) sink.write(messages);
    if (endsJoin) {
      onSynced();
      return;
    }
    seq = segments[burst - 1]!.lastSeq;
    await sink.whenDrained();
    if (sink.ended) return;
  }
}

/** Durable updates may still wait in the room's batch. A client that is told that it is synced must have them too. */
function tailAfter(room: Room, seq: number): Segment[] {
  room.tick();
  return room.tail.after(seq);
}

/**
 * How many segments are written at once. The segments of one entry stay together, because the next burst is found by
 * sequence number.
 */
function burstLength(segments: readonly Segment[]): number {
  let bytes = 0;
  for (const [index, { update, lastSeq }] of segments.entries()) {
    bytes += update.length;
    if (bytes > tailBurstBytes && index > 0 && lastSeq !== segments[index - 1]!.lastSeq) return index;
  }
  return segments.length;
}

/**
 * The structs of the snapshot that a client lacks, if it has some of them. They are sent as one update, even from
 * several parts, because a document that is shown with a piece missing is dangerous.
 */
async function lackingOf(pinned: PinnedSnapshot, client: Client, offload: Offload): Promise<Uint8Array> {
  const diffs: Uint8Array[] = [];
  const { parts, pending } = pinned.snapshot;
  for (const [index, part] of parts.entries()) {
    if (lacksSome(part, client.has)) diffs.push(await diff(await pinned.read(index), client, offload));
  }
  if (pending !== null) diffs.push(await diff(pending, client, offload));
  if (diffs.length === 1) return diffs[0]!;
  const isHeavy = mergingWeightOfAll(diffs, maxMergeWeight) > maxMergeWeight;
  return isHeavy ? offload.merge(diffs) : mergeInLevels(diffs);
}

/**
 * Sends the structs that a client lacks: first `ofSnapshot`, then those of the tail. A state vector does not cover
 * deletions, so the first update carries the whole delete set: the client never shows deleted content. Later updates
 * carry it only if it has grown.
 */
async function sendLacking(
  room: Room,
  ofSnapshot: Segment,
  client: Client,
  sink: JoinSink,
  offload: Offload,
  onSynced: () => void,
): Promise<void> {
  const { codec } = sink;
  let seq = ofSnapshot.lastSeq;
  let lacking = isEmpty(ofSnapshot.update) ? [] : [ofSnapshot];
  let sentDeletes: Uint8Array | null = null;
  let isFirst = true;
  const takeUpdates = (): Uint8Array[] => {
    const updates = mergeSegments(lacking).map((segment) => segment.update);
    const deletes = room.durable.encodeDeleteSet();
    if (deletes !== sentDeletes) updates[0] = withDeleteSet(updates[0] ?? emptyUpdate, deletes);
    sentDeletes = deletes;
    lacking = [];
    return updates;
  };
  // Reading the state vector counts, because tens of thousands of clients fill a turn.
  let read = client.has.size * clientWeight + ofSnapshot.update.length;
  for (let segments = tailAfter(room, seq); segments.length > 0; segments = tailAfter(room, seq)) {
    const { lastSeq } = segments[0]!;
    for (const { update } of segments.filter((segment) => segment.lastSeq === lastSeq)) {
      const structs = await diff(update, client, offload);
      if (!isEmpty(structs)) lacking.push({ lastSeq, update: structs });
      read += readingWeight(update);
    }
    seq = lastSeq;
    if (read < weightPerTurn) continue;
    // The turn is full. Send what there is, and continue when the socket has taken it.
    sink.write(Buffer.concat(takeUpdates().map(codec.update)));
    isFirst = false;
    read = 0;
    await nextTurn();
    await sink.whenDrained();
    if (sink.ended) return;
  }
  const updates = takeUpdates();
  const last = codec.syncStep2(updates.pop() ?? emptyUpdate);
  const answer = updates.length === 0 ? last : Buffer.concat([...updates.map(codec.update), last]);
  if (isFirst) room.joinCache.keepAnswer(codec, client.stateVector, room, answer);
  sink.write(answer);
  onSynced();
}

function isEmpty(structs: Uint8Array): boolean {
  return structs.length === emptyUpdate.length;
}

function diff(update: Uint8Array, { has, stateVector }: Client, offload: Offload): Promise<Uint8Array> | Uint8Array {
  return readingWeight(update) > offloadBytes ? offload.diff(update, stateVector) : diffStructs(update, has);
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
