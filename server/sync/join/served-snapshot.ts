import type { DocumentLog, PinnedSnapshot, Snapshot } from '../../../persistence/update-log.ts';
import type { Codec } from '../protocol/codec.ts';
import { SnapshotCache } from './snapshot-cache.ts';

/** The snapshot of a room as joins read it: pinned while they do, encoded once for all of them. */
export class ServedSnapshot {
  #current: Snapshot | null = null;
  #bytes = 0;
  #cache: { readonly codec: Codec; readonly parts: SnapshotCache } | null = null;
  /** Sequence numbers after which joins that are under way still read the tail. */
  #pinnedSeqs: number[] | null = null;

  get current(): Snapshot | null {
    return this.#current;
  }

  set current(snapshot: Snapshot | null) {
    this.#current = snapshot;
    this.#bytes = snapshot?.parts.reduce((sum, part) => sum + part.bytes, 0) ?? 0;
  }

  /** On disk. */
  get bytes(): number {
    return this.#bytes;
  }

  /** In memory. */
  get cachedBytes(): number {
    return this.#cache?.parts.bytes ?? 0;
  }

  get isPinned(): boolean {
    return this.#pinnedSeqs !== null;
  }

  /** Up to here nobody reads the tail any more. */
  get foldedSeq(): number {
    return Math.min(this.current?.seq ?? 0, ...(this.#pinnedSeqs ?? []));
  }

  pin(log: DocumentLog): PinnedSnapshot | null {
    const pinned = log.pin();
    (this.#pinnedSeqs ??= []).push(pinned?.snapshot.seq ?? 0);
    return pinned;
  }

  unpin(pinned: PinnedSnapshot | null): void {
    pinned?.release();
    const seqs = this.#pinnedSeqs ?? [];
    seqs.splice(seqs.indexOf(pinned?.snapshot.seq ?? 0), 1);
    if (seqs.length === 0) this.#pinnedSeqs = null;
  }

  /** A part of a pinned snapshot as the message that carries it. Rejects like `PinnedSnapshot.read`. */
  frames(codec: Codec, pinned: PinnedSnapshot, part: number): Promise<Uint8Array> {
    if (this.#cache?.codec !== codec) {
      this.#cache = { codec, parts: new SnapshotCache((data) => codec.update(data)) };
    }
    return this.#cache.parts.read(pinned, part, performance.now());
  }

  /** Forgets what was not read lately. */
  sweep(nowMs: number): void {
    if (this.#cache?.parts.sweep(nowMs) === false) this.#cache = null;
  }
}
