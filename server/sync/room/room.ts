import { CorruptDocumentError, MalformedUpdateError } from '../../../persistence/errors.ts';
import type {
  DocumentLog,
  Entry,
  LogFollower,
  PinnedSnapshot,
  Snapshot,
  UpdateLog,
} from '../../../persistence/update-log.ts';
import type { UpdateFacts } from '../../../persistence/update/scan.ts';
import { RefusedError } from '../../errors.ts';
import { Broadcast } from './broadcast.ts';
import { Intake } from './intake.ts';
import type { Author, DocumentSize, Submission } from './intake.ts';
import type { Knowledge } from './knowledge.ts';
import { JoinCache } from './join-cache.ts';
import { loadDocument } from './load-document.ts';
import type { OldCopies } from './old-copies.ts';
import type { NudgedPeer, NudgedRoom, Nudger } from '../presence/nudger.ts';
import type { Offload } from '../offload.ts';
import type { Peer } from './peer.ts';
import { Presence } from '../presence/presence.ts';
import { RoomSnapshot } from './room-snapshot.ts';
import type { SyncStats } from '../stats.ts';
import { mergeSegments, Tail } from './tail.ts';
import type { Segment } from './tail.ts';
import type { UnsavedEdits } from './unsaved-edits.ts';
import { Rhythm } from './ticker.ts';
import type { Tickable, Ticker } from './ticker.ts';

export interface RoomDeps {
  readonly log: UpdateLog;
  /** Whether this document is erased when the last session ends. */
  isTransient(docId: string): boolean;
  /** A document of this size accepts only deletions. */
  readonly maxDocumentBytes: number;
  readonly ticker: Ticker;
  readonly presenceTicker: Ticker;
  readonly nudger: Nudger;
  readonly offload: Offload;
  readonly stats: SyncStats;
  /** Shared by all rooms. */
  readonly unsaved: UnsavedEdits;
  /** The room can no longer be used, and its peers have been ended. New clients need a new room. */
  failed(room: Room, error: Error): void;
}

/**
 * One open document: what is known about it in clocks, the entries after its snapshot, and its peers. It holds no
 * Y.Doc, and no content but that of these entries.
 */
export class Room implements LogFollower, NudgedRoom, Tickable {
  readonly docId: string;
  readonly rhythm = new Rhythm();
  readonly tail = new Tail();
  readonly peers = new Set<Peer>();
  readonly joinCache = new JoinCache();
  /** The document is being deleted: its log is closed, and its sessions are ended after the deletion. */
  isEnding = false;
  readonly #deps: RoomDeps;
  /** Null until a client has announced presence. */
  #presence: Presence | null = null;
  /** The peers that asked for the next commit. */
  #awaitingCommit: Set<Peer> | null = null;
  readonly #intake: Intake;
  readonly #snapshot = new RoomSnapshot();
  /** Durable updates that are neither sent to the peers nor in the tail yet. */
  #undelivered: Segment[] | null = null;
  #log: DocumentLog | null = null;
  #hasFailed = false;

  private constructor(docId: string, deps: RoomDeps) {
    this.docId = docId;
    this.#deps = deps;
    this.#intake = new Intake(deps.stats, deps.unsaved);
  }

  /** Resolves when the whole document is loaded. Rejects like `UpdateLog.open`. */
  static async load(docId: string, deps: RoomDeps): Promise<Room> {
    const room = new Room(docId, deps);
    const log = await deps.log.open(docId, room, { transient: deps.isTransient(docId) });
    room.#log = log;
    try {
      await room.#load(log);
      return room;
    } catch (error) {
      await room.close();
      if (!(error instanceof MalformedUpdateError)) throw error;
      throw new CorruptDocumentError(docId, 'A stored update cannot be read', { cause: error });
    }
  }

  async #load(log: DocumentLog): Promise<void> {
    const { snapshot } = log.stored;
    this.#snapshot.current = snapshot;
    this.#intake.loaded(log, await loadDocument(log.stored, this.tail, this.#deps.offload));
    // A compaction that began before this opening may have replaced the snapshot meanwhile.
    const { current } = this.#snapshot;
    if (current !== null && current !== snapshot) this.#intake.folded(current.deleteSet);
    this.tail.trim(this.#snapshot.foldedSeq);
    log.forgetStored();
  }

  /** The sequence number of the last entry that was appended to the log. */
  get acceptedSeq(): number {
    return this.#intake.acceptedSeq;
  }

  get durableSeq(): number {
    return this.#intake.durableSeq;
  }

  /** Everything that is on disk. Read only. */
  get durable(): Knowledge {
    return this.#intake.durable;
  }

  /** Whether all of the update has integrated, so that none of it waits for missing edits. */
  integrates(facts: UpdateFacts): boolean {
    return this.#intake.integrates(facts);
  }

  /** Whether everything that a client wrote before this clock has integrated. */
  hasIntegrated(client: number, clock: number): boolean {
    return this.#intake.hasIntegrated(client, clock);
  }

  /** `RoomDeps.failed` was called. That is possible while the room is still loading. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** The document has no entry, neither on disk nor on its way there. */
  get isEmpty(): boolean {
    return this.#intake.isEmpty;
  }

  /** The client ids of all writers. */
  get clients(): number[] {
    return this.#intake.clients;
  }

  /** Recognises copies from before a deletion of the document; null if it was never deleted. */
  get oldCopies(): OldCopies | null {
    return this.#intake.oldCopies;
  }

  /** Half of the tail counts: folding shrinks it, and happens at twice the size of the snapshot at the latest. */
  get #size(): DocumentSize {
    const bytes = Math.max(this.#snapshot.bytes, this.tail.bytes / 2);
    return { bytes, maxBytes: this.#deps.maxDocumentBytes };
  }

  /** Approximate memory use; 4 KB for an empty room. */
  get memoryBytes(): number {
    const presenceBytes = this.#presence?.bytes ?? 0;
    return 4_096 + this.tail.bytes + this.joinCache.bytes + this.#intake.memoryBytes + presenceBytes;
  }

  /** The room has no peers, no join reads its snapshot, and all its entries are durable. */
  get isIdle(): boolean {
    return this.peers.size === 0 && this.#intake.isSettled && !this.#snapshot.isPinned;
  }

  get presence(): Presence {
    return (this.#presence ??= new Presence());
  }

  /** Like `Presence.encodeAll`. */
  encodePresence(gone?: ReadonlyMap<number, number>): Uint8Array | null {
    return this.#presence?.encodeAll(gone) ?? null;
  }

  join(peer: Peer): void {
    this.peers.add(peer);
    if (this.#presence?.hasPresent === true) this.#deps.nudger.joined(this);
  }

  leave(peer: Peer): void {
    if (!this.peers.delete(peer)) return;
    this.#awaitingCommit?.delete(peer);
    this.#presence?.release(peer);
    this.presenceChanged();
  }

  /** Calls `committed` of this peer once, after the next commit. */
  awaitCommit(peer: Peer): void {
    (this.#awaitingCommit ??= new Set()).add(peer);
  }

  presenceChanged(): void {
    if (this.#presence?.dirty === true) this.#deps.presenceTicker.schedule(this);
  }

  /** Makes a peer announce its presence again. Also called by a timer: an error ends only this room. */
  nudge(peer: NudgedPeer): void {
    try {
      const states = this.presence.nudge(peer);
      if (states !== null) peer.deliverPresence(states);
    } catch (error) {
      this.#fail(error as Error, new RefusedError('internal'));
    }
  }

  /** A session has announced its presence for the first time. */
  announced(peer: Peer): void {
    this.#deps.nudger.announced(this, peer);
  }

  /** Makes owners announce their presence again if another client has dropped it. */
  restoreSight(): void {
    const owners = this.#presence?.takeLostSight() ?? null;
    if (owners !== null) this.#deps.nudger.lostSight(this, owners);
  }

  /** Whether the update holds nothing new. */
  knows(facts: UpdateFacts): boolean {
    return this.#intake.knows(facts);
  }

  /**
   * Takes a checked update. `isSyncStep2` says that the update is a client's answer to our SyncStep1. The client has
   * nothing more complete, so an update with gaps is appended to the log, up to a limit. Throws LogError if the log
   * rejects the update, and RefusedError beyond a limit and for an update from a deleted generation.
   */
  submit(update: Uint8Array, facts: UpdateFacts, isSyncStep2: boolean, author: Author): Submission {
    return this.#intake.submit(update, facts, isSyncStep2, author, this.#size);
  }

  committed(entries: readonly Entry[]): void {
    try {
      const undelivered = (this.#undelivered ??= []);
      for (const entry of entries) {
        const lastSeq = entry.seq;
        for (const update of this.#intake.committed(entry)) undelivered.push({ lastSeq, update });
      }
    } catch (error) {
      this.#fail(error as Error, new RefusedError('internal'));
      return;
    }
    this.#deps.ticker.schedule(this);
    const awaiting = this.#awaitingCommit;
    this.#awaitingCommit = null;
    for (const peer of awaiting ?? []) peer.committed();
  }

  tick(): void {
    try {
      this.#deliver();
    } catch (error) {
      // Updates that passed the scan can be merged. If one cannot, the error must not affect other documents.
      this.#fail(error as Error, new RefusedError('internal'));
    }
  }

  #deliver(): void {
    const segments = mergeSegments(this.#undelivered ?? []);
    this.#undelivered = null;
    const presence = this.#presence?.takeDirty() ?? null;
    const last = segments.pop() ?? null;
    for (const segment of segments) this.#broadcast(segment, null);
    if (last !== null || presence !== null) this.#broadcast(last, presence);
  }

  #broadcast(segment: Segment | null, presence: Uint8Array | null): void {
    if (segment !== null) this.tail.push(segment);
    const broadcast = new Broadcast(segment?.update ?? null, presence);
    this.#deps.stats.broadcasts++;
    for (const peer of this.peers) peer.deliver(broadcast);
  }

  /** Keeps the snapshot and the tail after it until `unpin`, so that a join can read both during a compaction. */
  pin(): PinnedSnapshot | null {
    return this.#snapshot.pin(this.#log!);
  }

  unpin(pinned: PinnedSnapshot | null): void {
    this.#snapshot.unpin(pinned);
    this.tail.trim(this.#snapshot.foldedSeq);
  }

  /** Called by a timer about once a second, with the time of `RoomsDeps.now`. An error ends only this room. */
  sweep(nowMs: number): void {
    try {
      this.joinCache.sweep(this.tail);
      this.#presence?.expire(nowMs);
      this.presenceChanged();
      for (const peer of this.peers) peer.sweep(nowMs);
    } catch (error) {
      this.#fail(error as Error, new RefusedError('internal'));
    }
  }

  compacted(snapshot: Snapshot, setAside: readonly number[]): void {
    this.#snapshot.current = snapshot;
    if (setAside.length > 0) {
      const error = new Error('updates were set aside; the document must be loaded again');
      this.#fail(error, new RefusedError('storage-unavailable'));
      return;
    }
    this.#intake.folded(snapshot.deleteSet);
    this.tail.trim(this.#snapshot.foldedSeq);
  }

  failed(error: Error): void {
    this.#fail(error, new RefusedError('storage-unavailable'));
  }

  #fail(error: Error, refusal: RefusedError): void {
    this.#hasFailed = true;
    this.#intake.abandon();
    this.end(refusal);
    this.#deps.failed(this, error);
  }

  /** Sends all durable updates, then ends every session. */
  end(refusal: RefusedError): void {
    this.isEnding = false;
    this.tick();
    for (const peer of this.peers) peer.end(refusal);
  }

  /** Resolves when the log has closed the document. Only then can it be loaded again. */
  async close(): Promise<void> {
    await this.#log!.close();
  }
}
