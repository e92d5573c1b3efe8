import { CorruptDocumentError } from '../../../persistence/errors.ts';
import { limitReached, RefusedError, toRefusal } from '../../errors.ts';
import type { UpdateLog } from '../../../persistence/update-log.ts';
import { Nudger } from '../presence/nudger.ts';
import type { Offload } from '../offload.ts';
import type { Peer } from './peer.ts';
import { Room } from './room.ts';
import type { RoomDeps } from './room.ts';
import type { SyncStats } from '../stats.ts';
import { presenceBatchMs, Ticker, updateBatchMs } from './ticker.ts';
import { UnsavedEdits } from './unsaved-edits.ts';

/** The interval of `Rooms.sweep`. */
const sweepMs = 1_000;

export interface RoomsDeps {
  readonly log: UpdateLog;
  /** Whether this document is erased when the last session ends. */
  isTransient(docId: string): boolean;
  readonly offload: Offload;
  readonly stats: SyncStats;
  /** How long a room without sessions stays loaded. */
  readonly idleRoomTimeoutMs: number;
  readonly limits: RoomsLimits;
  /** A room was ended because a write failed or its document must be loaded again. */
  roomFailed(docId: string, error: Error): void;
  /** A monotonic clock, in milliseconds from any origin. */
  now(): number;
}

interface RoomsLimits {
  readonly maxDocumentBytes: number;
  /** Approximate memory use of all documents. */
  readonly maxRoomMemoryBytes: number;
}

/**
 * The place of one document:
 * - `loading`: all new clients wait for the same load
 * - `loaded`: `idleSinceMs` is the time of the first sweep that found the room idle; null if it is in use
 * - `closing`: the log is still closing or deleting the document; new clients wait, and then load it again
 */
type Slot =
  | { readonly phase: 'loading'; readonly room: Promise<Room> }
  | { readonly phase: 'loaded'; readonly room: Room; idleSinceMs: number | null }
  | { readonly phase: 'closing'; readonly closed: Promise<void> };

/** The open documents of this process. Each is loaded once, and unloaded when no client needs it any more. */
export class Rooms {
  readonly unsaved = new UnsavedEdits();
  readonly #deps: RoomsDeps;
  readonly #slots = new Map<string, Slot>();
  readonly #roomDeps: RoomDeps;
  #sweeper: NodeJS.Timeout | undefined;
  #closing: Promise<void> | null = null;
  #coarseNowMs: number;
  /** Memory use at the last sweep, and of the rooms loaded since then. */
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
      ticker: new Ticker(updateBatchMs),
      presenceTicker: new Ticker(presenceBatchMs),
      nudger: new Nudger(),
      unsaved: this.unsaved,
      failed: (room, error) => this.#failed(room, error),
    };
  }

  /** Sweeps once a second until `close`. To be called once. */
  start(): void {
    this.#sweeper = setInterval(() => this.sweep(), sweepMs);
    this.#sweeper.unref();
  }

  /** The time of the last sweep, at most about a second ago. Cheap enough to be read at every write. */
  get coarseNowMs(): number {
    return this.#coarseNowMs;
  }

  get size(): number {
    return this.#slots.size;
  }

  /** Approximate memory use of all documents. */
  get memoryBytes(): number {
    return this.#memoryBytes;
  }

  /** Whether the document is loaded or loading. */
  isOpen(docId: string): boolean {
    const phase = this.#slots.get(docId)?.phase;
    return phase === 'loaded' || phase === 'loading';
  }

  /** The sessions of all rooms. */
  *sessions(): Iterable<Peer> {
    for (const slot of this.#slots.values()) if (slot.phase === 'loaded') yield* slot.room.peers;
  }

  /** The number of sessions, of every room together. */
  get peers(): number {
    let peers = 0;
    for (const slot of this.#slots.values()) if (slot.phase === 'loaded') peers += slot.room.peers.size;
    return peers;
  }

  /**
   * The room of a document. Resolves when the whole document is loaded. The caller must join the room in the same turn,
   * because it may be unloaded later. Rejects with RefusedError while shutting down or without memory for another room,
   * and like `UpdateLog.open`.
   */
  async get(docId: string): Promise<Room> {
    for (;;) {
      if (this.#closing !== null) throw new RefusedError('shutting-down');
      const slot = this.#slots.get(docId) ?? this.#load(docId);
      switch (slot.phase) {
        case 'loading':
          await slot.room;
          // Look again, because the room may have failed in the meantime.
          break;
        case 'closing':
          await slot.closed;
          break;
        case 'loaded':
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
        this.#slots.set(docId, { phase: 'loaded', room: loaded, idleSinceMs: null });
        this.#memoryBytes += loaded.memoryBytes;
        this.#evictIdle();
        // A write may have failed since the log was opened. No client may get a dead room.
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
    if (slot?.phase === 'loaded' && slot.room === room) void this.#unload(room);
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
   * Deletes a document, after the writes in flight have settled. Resolves when the deletion is on disk and the sessions
   * are ended (4404); with false if there was no document. Until then new clients wait, and messages of the sessions
   * too. Rejects like `UpdateLog.delete`; the clients may then reconnect. A damaged document is deleted too, but its
   * writers are unknown, so copies of it are accepted again.
   */
  async delete(docId: string): Promise<boolean> {
    const room = await this.#getReadable(docId);
    // Another call is deleting the document. Look again when it is done.
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
    return room === null ? slot === undefined : slot?.phase === 'loaded' && slot.room === room;
  }

  /** Above the memory limit, unloads idle rooms until the rest fits. The room that was idle for longest goes first. */
  #evictIdle(): void {
    const { maxRoomMemoryBytes } = this.#deps.limits;
    if (this.#memoryBytes <= maxRoomMemoryBytes) return;
    const idle: { readonly room: Room; readonly idleSinceMs: number }[] = [];
    for (const slot of this.#slots.values()) {
      if (slot.phase !== 'loaded' || slot.idleSinceMs === null || !slot.room.isIdle) continue;
      idle.push({ room: slot.room, idleSinceMs: slot.idleSinceMs });
    }
    idle.sort((a, b) => a.idleSinceMs - b.idleSinceMs);
    for (const { room } of idle) {
      if (this.#memoryBytes <= maxRoomMemoryBytes) return;
      this.#memoryBytes -= room.memoryBytes;
      void this.#unload(room);
    }
  }

  /** Expires presence, keeps quiet sessions alive, and unloads rooms after `idleRoomTimeoutMs`. Runs once a second. */
  sweep(): void {
    const nowMs = this.#deps.now();
    this.#coarseNowMs = nowMs;
    this.#memoryBytes = 0;
    for (const slot of this.#slots.values()) {
      if (slot.phase !== 'loaded') continue;
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
    this.#evictIdle();
  }

  /**
   * Ends every session (1012: the client reconnects). Resolves when all accepted updates are committed and every
   * document is closed. The log itself stays open. Concurrent calls share one promise.
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
        case 'loaded':
          slot.room.end(refusal);
          closed.push(this.#unload(slot.room));
          break;
      }
    }
    await Promise.all(closed);
  }
}
