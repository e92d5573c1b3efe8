import { setImmediate as nextTurn } from 'node:timers/promises';
import { CorruptDocumentError, MalformedUpdateError } from '../../persistence/errors.ts';
import type {
  DocumentLog,
  Entry,
  LogFollower,
  PinnedSnapshot,
  StoredDocument,
  Snapshot,
  UpdateLog,
} from '../../persistence/log/update-log.ts';
import { mergeInLevels, trimDeletes } from '../../persistence/update/merge.ts';
import { noScanLimits, scanUpdate, type UpdateFacts } from '../../persistence/update/scan.ts';
import { RefusedError } from '../errors.ts';
import { Broadcast } from './broadcast.ts';
import type { Codec } from './codec.ts';
import { Knowledge } from './knowledge.ts';
import type { Nudger } from './nudger.ts';
import { OFFLOAD_BYTES, type Offload } from './offload.ts';
import type { Peer } from './peer.ts';
import { Presence } from './presence.ts';
import { SnapshotCache } from './snapshot-cache.ts';
import type { SyncStats } from './stats.ts';
import { Tail } from './tail.ts';
import type { Tickable, Ticker } from './ticker.ts';

/** Edits of one document that wait for missing ones, in bytes. Honest gaps close within a round trip and hold a few KB. */
const MAX_WAITING_BYTES = 1024 * 1024;
/**
 * Clients that one document takes. A new one is made each time somebody opens a page and writes: a document that is very
 * old has 10,000. Below what one update may name, or the clients that have all of it could not tell us.
 */
export const MAX_DOCUMENT_CLIENTS = 40_000;
/** What a struct that waits may take in memory, beside its bytes (WaitingRuns). */
const WAITING_STRUCT_BYTES = 128;

/** While a long tail is read, others come in between after this much of it: some 5 ms, 20 in a process that is not warm yet. */
const ENTRIES_PER_TURN = 500;
const BYTES_PER_TURN = 512 * 1024;

export interface RoomDeps {
  readonly log: UpdateLog;
  readonly ticker: Ticker;
  readonly nudger: Nudger;
  readonly offload: Offload;
  readonly stats: SyncStats;
  /** The room can no longer be used: whoever comes next needs a new one. Its peers have been ended. */
  failed(room: Room, error: Error): void;
}

/**
 * What became of a submitted update:
 * - `appended`: in the log; durable when `durableSeq` reaches `acceptedSeq`
 * - `appended-with-gap`: the same, but it waits for edits that are missing
 * - `known`: nothing new; the original is durable when `durableSeq` reaches `acceptedSeq`
 * - `known-waiting`: nothing new, but part of it waits for edits that are missing
 * - `gap`: not taken, because it builds on edits that are missing
 */
export type Submission = 'appended' | 'appended-with-gap' | 'known' | 'known-waiting' | 'gap';

/** One live document: what is known of it, what came after its snapshot, who is here. Holds no Y.Doc and no content. */
export class Room implements LogFollower, Tickable {
  readonly docId: string;
  lastTickMs = -Infinity;
  readonly tail = new Tail();
  readonly peers = new Set<Peer>();
  readonly #deps: RoomDeps;
  /** Null until somebody has announced presence. */
  #presence: Presence | null = null;
  #awaiting: Set<Peer> | null = null;
  /** Handed to the log; judges duplicates and gaps. */
  #accepted = Knowledge.empty();
  /** Committed; what joining clients are told. The same as `#accepted` until the first edit: most open documents are read. */
  #durable = this.#accepted;
  /** Facts of the entries that are on their way to the disk, in order. */
  #inFlight: { readonly entry: Entry; readonly facts: UpdateFacts }[] = [];
  /** Durable, but not yet sent to the peers and not yet in the tail. */
  #undelivered: Uint8Array[] = [];
  #log: DocumentLog | null = null;
  #acceptedSeq = 0;
  #durableSeq = 0;
  #hasFailed = false;
  #snapshot: Snapshot | null = null;
  #snapshotCache: { readonly codec: Codec; readonly cache: SnapshotCache } | null = null;
  /** Sequence numbers after which joins that are under way still read the tail. */
  #pinnedSeqs: number[] | null = null;

  private constructor(docId: string, deps: RoomDeps) {
    this.docId = docId;
    this.#deps = deps;
  }

  /** Resolves when the document is loaded whole; rejects with what `UpdateLog.open` rejects with. */
  static async load(docId: string, deps: RoomDeps): Promise<Room> {
    const room = new Room(docId, deps);
    room.#log = await deps.log.open(docId, room);
    try {
      await room.#load(room.#log.stored);
      room.#log.forgetStored();
      return room;
    } catch (error) {
      await room.close();
      if (!(error instanceof MalformedUpdateError)) throw error;
      throw new CorruptDocumentError(docId, 'A stored update cannot be read', { cause: error });
    }
  }

  async #load({ snapshot, tail }: StoredDocument): Promise<void> {
    if (snapshot !== null) {
      this.#accepted = Knowledge.from(snapshot.stateVector, snapshot.deleteSet);
      if (snapshot.pending !== null) await this.#learn(snapshot.pending);
      this.#snapshot = snapshot;
      this.#durableSeq = snapshot.seq;
    }
    for (let next = 0; next < tail.length;) {
      if (next > 0) await nextTurn();
      const end = turnEnd(tail, next);
      // Merged first, so that hundreds of keystrokes are learned in one go.
      const update = mergeInLevels(tail.slice(next, end).map((entry) => entry.update));
      await this.#learn(update);
      this.#durableSeq = tail[end - 1]!.seq;
      this.tail.push({ lastSeq: this.#durableSeq, update });
      next = end;
    }
    this.#durable = this.#accepted;
    this.#acceptedSeq = this.#durableSeq;
  }

  async #learn(update: Uint8Array): Promise<void> {
    const facts =
      update.length > OFFLOAD_BYTES ? await this.#deps.offload.scan(update) : scanUpdate(update, noScanLimits);
    this.#accepted.add(facts, update);
  }

  /** The last sequence number handed to the log. */
  get acceptedSeq(): number {
    return this.#acceptedSeq;
  }

  get durableSeq(): number {
    return this.#durableSeq;
  }

  /** What is known to be on disk. Read only. */
  get durable(): Knowledge {
    return this.#durable;
  }

  /** Something that was handed to the log waits for edits that are missing. */
  get hasGap(): boolean {
    return this.#accepted.hasGap;
  }

  get snapshot(): Snapshot | null {
    return this.#snapshot;
  }

  /** `RoomDeps.failed` was called: while it was being loaded, perhaps. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Nobody is here and nothing is on its way to the disk. */
  get isIdle(): boolean {
    return this.peers.size === 0 && this.#inFlight.length === 0 && this.#pinnedSeqs === null;
  }

  get presence(): Presence {
    return (this.#presence ??= new Presence());
  }

  /** Everybody who is here, as an awareness update; null if nobody is. */
  encodePresence(): Uint8Array | null {
    return this.#presence?.encodeAll() ?? null;
  }

  join(peer: Peer): void {
    this.peers.add(peer);
  }

  leave(peer: Peer): void {
    if (!this.peers.delete(peer)) return;
    this.#awaiting?.delete(peer);
    this.#presence?.release(peer);
    this.presenceChanged();
  }

  /** `committed` of this peer is called after the next commit, once. */
  awaitCommit(peer: Peer): void {
    (this.#awaiting ??= new Set()).add(peer);
  }

  presenceChanged(): void {
    if (this.#presence?.dirty === true) this.#deps.ticker.schedule(this);
  }

  /** A session has announced its presence for the first time. */
  announced(peer: Peer): void {
    this.#deps.nudger.announced(this, peer);
  }

  /** Nothing new in it that is not known. */
  knows(facts: UpdateFacts): boolean {
    return this.#accepted.judge(facts) === 'duplicate';
  }

  /**
   * Takes a checked update. `answer` tells that a client has answered our SyncStep1: it has nothing better, so that
   * its gaps go into the log, up to a bound. Throws LogError if the log does not take it, RefusedError beyond the bound.
   */
  submit(update: Uint8Array, facts: UpdateFacts, answer: boolean, userId: string): Submission {
    const { stats } = this.#deps;
    stats.updateBytesIn += update.length;
    const verdict = this.#accepted.judge(facts);
    if (verdict === 'duplicate') {
      stats.updatesKnown++;
      return this.#accepted.integrates(facts) ? 'known' : 'known-waiting';
    }
    if (verdict === 'gap' && !answer) {
      stats.updatesWithGap++;
      return 'gap';
    }
    const added = this.#accepted.addedClients(facts);
    if (added > 0 && this.#accepted.clientCount + added > MAX_DOCUMENT_CLIENTS) {
      throw new RefusedError('malformed', 'too many clients have written this document');
    }
    if (verdict === 'gap') {
      const bytes = update.length + facts.structCount * WAITING_STRUCT_BYTES;
      if (this.#accepted.waitingBytes + bytes > MAX_WAITING_BYTES) {
        throw new RefusedError('malformed', 'too many edits that build on missing ones');
      }
      stats.gapsStored++;
    }
    this.#append(update, facts, userId);
    stats.updatesAppended++;
    return verdict === 'gap' ? 'appended-with-gap' : 'appended';
  }

  #append(update: Uint8Array, facts: UpdateFacts, userId: string): void {
    // Every client that reconnects sends the whole delete set again: what is known of it goes no further.
    const stored =
      facts.deletes.length === 0 ? update.slice() : trimDeletes(update, facts, this.#accepted.newDeletes(facts));
    const entry = this.#log!.append(stored, userId);
    if (this.#durable === this.#accepted) this.#durable = this.#accepted.clone();
    this.#accepted.add(facts, stored);
    this.#inFlight.push({ entry, facts });
    this.#acceptedSeq = entry.seq;
  }

  committed(entries: readonly Entry[]): void {
    try {
      for (const entry of entries) this.#commit(entry);
    } catch (error) {
      this.#fail(error as Error, new RefusedError('internal'));
      return;
    }
    this.#deps.ticker.schedule(this);
    const awaiting = this.#awaiting;
    this.#awaiting = null;
    for (const peer of awaiting ?? []) peer.committed();
  }

  #commit(entry: Entry): void {
    const isOurs = this.#inFlight[0]?.entry === entry;
    const facts = isOurs ? this.#inFlight.shift()!.facts : scanUpdate(entry.update, noScanLimits);
    this.#durable.add(facts, entry.update);
    this.#undelivered.push(entry.update);
    this.#durableSeq = entry.seq;
  }

  /** Sends what was gathered to everybody. */
  tick(): void {
    try {
      this.#deliver();
    } catch (error) {
      // Updates that passed the scan can be merged; should one not, it must not take other documents along.
      this.#fail(error as Error, new RefusedError('internal'));
    }
  }

  #deliver(): void {
    const update = this.#takeUndelivered();
    const presence = this.#presence?.takeDirty() ?? null;
    if (update === null && presence === null) return;
    const broadcast = new Broadcast(update, presence);
    this.#deps.stats.broadcasts++;
    for (const peer of this.peers) peer.deliver(broadcast);
  }

  #takeUndelivered(): Uint8Array | null {
    const updates = this.#undelivered;
    if (updates.length === 0) return null;
    this.#undelivered = [];
    const update = updates.length === 1 ? updates[0]! : mergeInLevels(updates);
    this.tail.push({ lastSeq: this.#durableSeq, update });
    return update;
  }

  /** The snapshot, and everything after it in the tail, until released: a join reads both while compaction goes on. */
  pin(): PinnedSnapshot | null {
    const pinned = this.#log!.pin();
    const seq = pinned?.snapshot.seq ?? 0;
    (this.#pinnedSeqs ??= []).push(seq);
    return pinned;
  }

  unpin(pinned: PinnedSnapshot | null): void {
    pinned?.release();
    const seqs = this.#pinnedSeqs ?? [];
    seqs.splice(seqs.indexOf(pinned?.snapshot.seq ?? 0), 1);
    if (seqs.length === 0) this.#pinnedSeqs = null;
    this.#trim();
  }

  /** A part of a pinned snapshot as the message that carries it. Rejects like `PinnedSnapshot.read`. */
  snapshotFrames(codec: Codec, pinned: PinnedSnapshot, part: number): Promise<Uint8Array> {
    if (this.#snapshotCache?.codec !== codec) {
      this.#snapshotCache = { codec, cache: new SnapshotCache((data) => codec.update(data)) };
    }
    return this.#snapshotCache.cache.read(pinned, part, Date.now());
  }

  /** Called about once a second with the time in milliseconds since 1970. */
  sweep(nowMs: number): void {
    if (this.#snapshotCache?.cache.sweep(nowMs) === false) this.#snapshotCache = null;
    this.#presence?.expire(nowMs);
    this.presenceChanged();
    for (const peer of this.peers) peer.sweep(nowMs);
  }

  compacted(snapshot: Snapshot, setAside: readonly number[]): void {
    this.#snapshot = snapshot;
    if (setAside.length > 0) {
      const error = new Error('entries were set aside; the document must be loaded anew');
      this.#fail(error, new RefusedError('storage-unavailable'));
      return;
    }
    // Garbage collection deletes more than the log said.
    this.#accepted.adoptDeletes(snapshot.deleteSet);
    if (this.#durable !== this.#accepted) this.#durable.adoptDeletes(snapshot.deleteSet);
    this.#trim();
  }

  #trim(): void {
    this.tail.trim(Math.min(this.#snapshot?.seq ?? 0, ...(this.#pinnedSeqs ?? [])));
  }

  failed(error: Error): void {
    this.#fail(error, new RefusedError('storage-unavailable'));
  }

  #fail(error: Error, refusal: RefusedError): void {
    this.#hasFailed = true;
    this.#inFlight = [];
    this.end(refusal);
    this.#deps.failed(this, error);
  }

  /** Sends what is durable, then ends every session. */
  end(refusal: RefusedError): void {
    this.tick();
    for (const peer of this.peers) peer.end(refusal);
  }

  /** Resolves when the log has let go of the document; only then can it be loaded again. */
  async close(): Promise<void> {
    await this.#log!.close();
  }
}

/** Where the part of a tail ends that is read in one turn: one entry at least. */
function turnEnd(tail: readonly Entry[], start: number): number {
  let bytes = 0;
  for (let end = start; end < tail.length; end++) {
    bytes += tail[end]!.update.length;
    if (end > start && (bytes > BYTES_PER_TURN || end - start === ENTRIES_PER_TURN)) return end;
  }
  return tail.length;
}
