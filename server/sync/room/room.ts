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
import type { Codec } from '../protocol/codec.ts';
import { gather } from './gather.ts';
import { type Author, type DocumentSize, Intake, type Submission } from './intake.ts';
import type { Knowledge } from './knowledge.ts';
import { LastAnswer } from '../join/last-answer.ts';
import { loadDocument } from './load-document.ts';
import type { OldCopies } from './old-copies.ts';
import type { NudgedPeer, NudgedRoom, Nudger } from '../presence/nudger.ts';
import type { Offload } from '../offload.ts';
import type { Peer } from '../peer.ts';
import { Presence } from '../presence/presence.ts';
import { ServedSnapshot } from '../join/served-snapshot.ts';
import type { SyncStats } from '../stats.ts';
import { type Block, Tail } from './tail.ts';
import type { UnsavedEdits } from './unsaved-edits.ts';
import { Rhythm, type Tickable, type Ticker } from './ticker.ts';

export interface RoomDeps {
  readonly log: UpdateLog;
  /** Whether this document is erased when the last session ends. */
  isTransient(docId: string): boolean;
  /** A document of this size takes only deletions. */
  readonly maxDocumentBytes: number;
  readonly ticker: Ticker;
  readonly presenceTicker: Ticker;
  readonly nudger: Nudger;
  readonly offload: Offload;
  readonly stats: SyncStats;
  /** Shared by all rooms. */
  readonly unsaved: UnsavedEdits;
  /** The room can no longer be used: whoever comes next needs a new one. Its peers have been ended. */
  failed(room: Room, error: Error): void;
}

/** One live document: what is known of it, what came after its snapshot, who is here. Holds no Y.Doc and no content. */
export class Room implements LogFollower, NudgedRoom, Tickable {
  readonly docId: string;
  readonly rhythm = new Rhythm();
  readonly tail = new Tail();
  readonly peers = new Set<Peer>();
  readonly lastAnswer = new LastAnswer();
  /** The document is being deleted: its log is closed, and the sessions are ended when that is done. */
  isEnding = false;
  readonly #deps: RoomDeps;
  /** Null until somebody has announced presence. */
  #presence: Presence | null = null;
  #awaiting: Set<Peer> | null = null;
  readonly #intake: Intake;
  readonly #snapshot = new ServedSnapshot();
  /** Durable, but not yet sent to the peers and not yet in the tail. */
  #undelivered: Block[] | null = null;
  #log: DocumentLog | null = null;
  #hasFailed = false;

  private constructor(docId: string, deps: RoomDeps) {
    this.docId = docId;
    this.#deps = deps;
    this.#intake = new Intake(deps.stats, deps.unsaved);
  }

  /** Resolves when the document is loaded whole; rejects with what `UpdateLog.open` rejects with. */
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
    this.#intake.start(log, await loadDocument(log.stored, this.tail, this.#deps.offload));
    // One that was begun by an earlier opening may have been replaced meanwhile.
    const { current } = this.#snapshot;
    if (current !== null && current !== snapshot) this.#intake.folded(current.deleteSet);
    this.tail.trim(this.#snapshot.foldedSeq);
    log.forgetStored();
  }

  /** The last sequence number handed to the log. */
  get acceptedSeq(): number {
    return this.#intake.acceptedSeq;
  }

  get durableSeq(): number {
    return this.#intake.durableSeq;
  }

  /** What is known to be on disk. Read only. */
  get durable(): Knowledge {
    return this.#intake.durable;
  }

  /** Whether everything in the update has integrated, so that nothing of it waits for missing edits. */
  integrates(facts: UpdateFacts): boolean {
    return this.#intake.integrates(facts);
  }

  /** Whether what a client wrote before this clock has integrated. */
  hasIntegrated(client: number, clock: number): boolean {
    return this.#intake.hasIntegrated(client, clock);
  }

  /** `RoomDeps.failed` was called: while it was being loaded, perhaps. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Nothing is stored, and nothing is on its way to the disk. */
  get isEmpty(): boolean {
    return this.#intake.isEmpty;
  }

  /** The client ids of everybody who has written. */
  get clients(): number[] {
    return this.#intake.clients;
  }

  /** Tells who comes with a copy from before the document was deleted; null if it never was. */
  get oldCopies(): OldCopies | null {
    return this.#intake.oldCopies;
  }

  /** Half of a tail counts: folding makes less of it, and comes at twice the size of the snapshot at the latest. */
  get #size(): DocumentSize {
    const bytes = Math.max(this.#snapshot.bytes, this.tail.bytes / 2);
    return { bytes, maxBytes: this.#deps.maxDocumentBytes };
  }

  /** What it takes in memory, about: 4 KB without anything in it. */
  get memoryBytes(): number {
    const joins = this.#snapshot.cachedBytes + this.lastAnswer.bytes;
    return 4_096 + this.tail.memoryBytes + joins + this.#intake.memoryBytes + (this.#presence?.bytes ?? 0);
  }

  /** Nobody is here and nothing is on its way to the disk. */
  get isIdle(): boolean {
    return this.peers.size === 0 && this.#intake.isSettled && !this.#snapshot.isPinned;
  }

  get presence(): Presence {
    return (this.#presence ??= new Presence());
  }

  /** As `Presence.encodeAll`. */
  encodePresence(gone?: ReadonlyMap<number, number>): Uint8Array | null {
    return this.#presence?.encodeAll(gone) ?? null;
  }

  join(peer: Peer): void {
    this.peers.add(peer);
    if (this.#presence?.hasPresent === true) this.#deps.nudger.joined(this);
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
    if (this.#presence?.dirty === true) this.#deps.presenceTicker.schedule(this);
  }

  /** Asks a peer to announce its presence again. Called by a timer, too: an error ends this room only. */
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

  /** Other clients have dropped presence that is still here: its owners announce it again. */
  restoreSight(): void {
    const owners = this.#presence?.takeLostSight() ?? null;
    if (owners !== null) this.#deps.nudger.lostSight(this, owners);
  }

  /** Nothing new in it that is not known. */
  knows(facts: UpdateFacts): boolean {
    return this.#intake.knows(facts);
  }

  /**
   * Takes a checked update. `answer` tells that a client has answered our SyncStep1: it has nothing better, so that
   * its gaps go into the log, up to a bound. Throws LogError if the log does not take it, RefusedError beyond the bound
   * and for what comes from a deleted generation.
   */
  submit(update: Uint8Array, facts: UpdateFacts, answer: boolean, author: Author): Submission {
    return this.#intake.submit(update, facts, answer, author, this.#size);
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
    const awaiting = this.#awaiting;
    this.#awaiting = null;
    for (const peer of awaiting ?? []) peer.committed();
  }

  tick(): void {
    try {
      this.#deliver();
    } catch (error) {
      // Updates that passed the scan can be merged; should one not, it must not take other documents along.
      this.#fail(error as Error, new RefusedError('internal'));
    }
  }

  #deliver(): void {
    const blocks = gather(this.#undelivered ?? []);
    this.#undelivered = null;
    const presence = this.#presence?.takeDirty() ?? null;
    const last = blocks.pop() ?? null;
    for (const block of blocks) this.#broadcast(block, null);
    if (last !== null || presence !== null) this.#broadcast(last, presence);
  }

  #broadcast(block: Block | null, presence: Uint8Array | null): void {
    if (block !== null) this.tail.push(block);
    const broadcast = new Broadcast(block?.update ?? null, presence);
    this.#deps.stats.broadcasts++;
    for (const peer of this.peers) peer.deliver(broadcast);
  }

  /** The snapshot, and everything after it in the tail, until released: a join reads both while compaction goes on. */
  pin(): PinnedSnapshot | null {
    return this.#snapshot.pin(this.#log!);
  }

  unpin(pinned: PinnedSnapshot | null): void {
    this.#snapshot.unpin(pinned);
    this.tail.trim(this.#snapshot.foldedSeq);
  }

  /** A part of a pinned snapshot as the message that carries it. Rejects like `PinnedSnapshot.read`. */
  snapshotFrames(codec: Codec, pinned: PinnedSnapshot, part: number): Promise<Uint8Array> {
    return this.#snapshot.frames(codec, pinned, part);
  }

  /** Called by a timer about once a second, with the time of `RoomsDeps.now`. An error ends this room only. */
  sweep(nowMs: number): void {
    try {
      this.#snapshot.sweep(nowMs);
      this.tail.sweep();
      this.lastAnswer.sweep();
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
      const error = new Error('updates were set aside; the document must be loaded anew');
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

  /** Sends what is durable, then ends every session. */
  end(refusal: RefusedError): void {
    this.isEnding = false;
    this.tick();
    for (const peer of this.peers) peer.end(refusal);
  }

  /** Resolves when the log has let go of the document; only then can it be loaded again. */
  async close(): Promise<void> {
    await this.#log!.close();
  }
}
