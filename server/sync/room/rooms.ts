import { CorruptDocumentError } from '../../../persistence/errors.ts';
import { RefusedError, toRefusal } from '../../errors.ts';
import type { UpdateLog } from '../../../persistence/update-log.ts';
import { limitReached } from '../../limits/limits.ts';
import { Nudger } from '../presence/nudger.ts';
import type { Offload } from '../offload.ts';
import type { Peer } from '../peer.ts';
import { Room, type RoomDeps } from './room.ts';
import type { SyncStats } from '../stats.ts';
import { UnsavedEdits } from './unsaved-edits.ts';
import { GATHER_MS, GATHER_PRESENCE_MS, Ticker } from './ticker.ts';

/** How often rooms look for what has expired. */
const SWEEP_MS = 1_000;

export interface RoomsDeps {
  readonly log: UpdateLog;
  /** Whether this document is erased when the last session ends. */
  isTransient(docId: string): boolean;
  readonly offload: Offload;
  readonly stats: SyncStats;
  /** How long a room without people stays loaded. */
  readonly idleRoomTimeoutMs: number;
  readonly limits: RoomsLimits;
  /** A room had to be ended: a write failed, or its document must be loaded anew. */
  roomFailed(docId: string, error: Error): void;
  /** In milliseconds, from any origin. Never goes back. */
  now(): number;
}

export interface RoomsLimits {
  readonly maxDocumentBytes: number;
  /** What all documents may take in memory, about. */
  readonly maxRoomMemoryBytes: number;
}

/**
 * - `loading`: everybody who comes waits for the same load
 * - `live`: `idleSinceMs` is when the last one left
 * - `closing`: the log has not let go yet, or is deleting the document; whoever comes waits, then loads anew
 */
type Slot =
  | { readonly phase: 'loading'; readonly room: Promise<Room> }
  | { readonly phase: 'live'; readonly room: Room; idleSinceMs: number | null }
  | { readonly phase: 'closing'; readonly closed: Promise<void> };

/** The live documents of this process: each is loaded once, and let go when nobody needs it any more. */
export class Rooms {
  readonly unsaved = new UnsavedEdits();
  readonly #deps: RoomsDeps;
  readonly #slots = new Map<string, Slot>();
  readonly #roomDeps: RoomDeps;
  #sweeper: NodeJS.Timeout | undefined;
  #closing: Promise<void> | null = null;
  #coarseNowMs: number;
  /** Counted at every sweep, and what was loaded since then. */
  #memoryBytes = 0;

  constructor(deps: RoomsDeps) {
    this.#deps = deps;
    this.#coarseNowMs = deps.now();
    this.#roomDeps = {
      log: deps.log,
      isTransient: deps.isTransient,
      offload: deps.offload,
      stats: deps.stats,
      maxDocumentBytes: deps.limits.maxDocumentBytes,
      ticker: new Ticker(GATHER_MS),
      presenceTicker: new Ticker(GATHER_PRESENCE_MS),
      nudger: new Nudger(),
      unsaved: this.unsaved,
      failed: (room, error) => this.#failed(room, error),
    };
  }

  /** Sweeps once a second until `close`. To be called once. */
  start(): void {
    this.#sweeper = setInterval(() => this.sweep(), SWEEP_MS);
    this.#sweeper.unref();
  }

  /** The time of the last sweep, at most about a second ago: for what needs no more and is asked at every write. */
  get coarseNowMs(): number {
    return this.#coarseNowMs;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** What documents take in memory, about. */
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** It is in memory, or on its way there. */
  isOpen(docId: string): boolean {
    const phase = this.#slots.get(docId)?.phase;
    return phase === 'live' || phase === 'loading';
  }

  /** Whoever is in any room. */
  *sessions(): Iterable<Peer> {
    for (const slot of this.#slots.values()) if (slot.phase === 'live') yield* slot.room.peers;
  }

  /** Sessions in all rooms. */
  get peers(): number {
    let peers = 0;
    for (const slot of this.#slots.values()) if (slot.phase === 'live') peers += slot.room.peers.size;
    return peers;
  }

  /**
   * The room of a document, loaded whole. The caller joins it in the same turn in which this resolves, or it may be
   * unloaded. Rejects with RefusedError while shutting down or without memory for one more, and with what `UpdateLog.open` rejects with.
   */
  async get(docId: string): Promise<Room> {
    for (;;) {
      if (this.#closing !== null) throw new RefusedError('shutting-down');
      const slot = this.#slots.get(docId) ?? this.#load(docId);
      switch (slot.phase) {
        case 'loading':
          await slot.room;
          // Look again: it may have failed in the meantime.
          break;
        case 'closing':
          await slot.closed;
          break;
        case 'live':
          slot.idleSinceMs = null;
          return slot.room;
      }
    }
  }

  #load(docId: string): Slot {
    if (this.#memoryBytes > this.#deps.limits.maxRoomMemoryBytes) throw limitReached('room-memory');
    const room = Room.load(docId, this.#roomDeps);
    const slot: Slot = { phase: 'loading', room };
    this.#slots.set(docId, slot);
    room.then(
      (loaded) => {
        this.#deps.stats.roomsLoaded++;
        this.#slots.set(docId, { phase: 'live', room: loaded, idleSinceMs: null });
        this.#memoryBytes += loaded.memoryBytes;
        this.#makeRoom();
        // Between the opening of its log and this turn a write may have failed: nobody gets the dead room.
        if (loaded.hasFailed) void this.#unload(loaded);
      },
      () => {
        this.#deps.stats.loadsFailed++;
        this.#slots.delete(docId);
      },
    );
    return slot;
  }

  #failed(room: Room, error: Error): void {
    this.#deps.roomFailed(room.docId, error);
    const slot = this.#slots.get(room.docId);
    if (slot?.phase === 'live' && slot.room === room) void this.#unload(room);
  }

  /** Resolves when the document can be loaded again. */
  #unload(room: Room): Promise<void> {
    const closed = room.close().then(
      () => {
        this.#deps.stats.roomsUnloaded++;
        this.#slots.delete(room.docId);
      },
      (error: Error) => {
        this.#deps.roomFailed(room.docId, error);
        this.#slots.delete(room.docId);
      },
    );
    this.#slots.set(room.docId, { phase: 'closing', closed });
    return closed;
  }

  /**
   * Deletes a document: what is on its way to the disk settles, then all of it goes. Resolves when that is on disk and its
   * sessions are ended (4404), with false if there was nothing. Clients that come meanwhile wait, and so does what the
   * sessions send. Rejects with what
   * `UpdateLog.delete` rejects with; the sessions may come back then. One that cannot be read is deleted too, but then nobody
   * knows who has written it: copies of it come back.
   */
  async delete(docId: string): Promise<boolean> {
    const room = await this.#getReadable(docId);
    // Somebody else deletes it: what they have left is looked at then.
    if (!this.#isCurrent(docId, room)) return this.delete(docId);
    if (room?.isEmpty === true) return false;
    if (room !== null) room.isEnding = true;
    const deleted = this.#deleteClosed(docId, room);
    const vacate = (): void => void this.#slots.delete(docId);
    this.#slots.set(docId, { phase: 'closing', closed: deleted.then(vacate, vacate) });
    try {
      const existed = await deleted;
      if (existed) this.#deps.stats.documentsDeleted++;
      room?.end(new RefusedError('document-deleted'));
      return existed;
    } catch (error) {
      room?.end(toRefusal(error));
      throw error;
    }
  }

  async #deleteClosed(docId: string, room: Room | null): Promise<boolean> {
    await room?.close();
    return this.#deps.log.delete(docId, room?.clients ?? []);
  }

  /** Null for a document that is damaged. */
  async #getReadable(docId: string): Promise<Room | null> {
    try {
      return await this.get(docId);
    } catch (error) {
      if (error instanceof CorruptDocumentError) return null;
      throw error;
    }
  }

  #isCurrent(docId: string, room: Room | null): boolean {
    const slot = this.#slots.get(docId);
    return room === null ? slot === undefined : slot?.phase === 'live' && slot.room === room;
  }

  /** Beyond the bound of memory, lets go of what nobody uses: the longest unused first, until the rest fits. */
  #makeRoom(): void {
    const { maxRoomMemoryBytes } = this.#deps.limits;
    if (this.#memoryBytes <= maxRoomMemoryBytes) return;
    const idle: { readonly room: Room; readonly idleSinceMs: number }[] = [];
    for (const slot of this.#slots.values()) {
      if (slot.phase !== 'live' || slot.idleSinceMs === null || !slot.room.isIdle) continue;
      idle.push({ room: slot.room, idleSinceMs: slot.idleSinceMs });
    }
    idle.sort((a, b) => a.idleSinceMs - b.idleSinceMs);
    for (const { room } of idle) {
      if (this.#memoryBytes <= maxRoomMemoryBytes) return;
      this.#memoryBytes -= room.memoryBytes;
      void this.#unload(room);
    }
  }

  /** Lets presence expire, keeps quiet sessions alive, and unloads what has been idle for long. Runs once a second. */
  sweep(): void {
    const nowMs = this.#deps.now();
    this.#coarseNowMs = nowMs;
    this.#memoryBytes = 0;
    for (const slot of this.#slots.values()) {
      if (slot.phase !== 'live') continue;
      slot.room.sweep(nowMs);
      if (slot.room.hasFailed) continue;
      this.#memoryBytes += slot.room.memoryBytes;
      if (!slot.room.isIdle) {
        slot.idleSinceMs = null;
        continue;
      }
      slot.idleSinceMs ??= nowMs;
      if (nowMs - slot.idleSinceMs >= this.#deps.idleRoomTimeoutMs) void this.#unload(slot.room);
    }
    this.#makeRoom();
  }

  /**
   * Ends every session (1012, come back), and resolves when all that was accepted is committed and every document
   * is let go. The log itself stays open. Concurrent calls share one promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#sweeper);
    const refusal = new RefusedError('shutting-down');
    const closed: Promise<unknown>[] = [];
    for (const slot of this.#slots.values()) {
      switch (slot.phase) {
        case 'loading':
          closed.push(slot.room.then((room) => this.#unload(room)).catch(() => {}));
          break;
        case 'closing':
          closed.push(slot.closed);
          break;
        case 'live':
          slot.room.end(refusal);
          closed.push(this.#unload(slot.room));
          break;
      }
    }
    await Promise.all(closed);
  }
}
