import type { DocumentLog, PinnedSnapshot, Snapshot } from '../../../persistence/update-log.ts';

/** The latest snapshot of a room's document, and the pins of the joins that are reading one. */
export class RoomSnapshot {
  #current: Snapshot | null = null;
  #bytes = 0;
  /** For each pin the sequence number after which its join reads the tail. */
  #pinnedSeqs: number[] | null = null;

  get current(): Snapshot | null {
    return this.#current;
  }

  set current(snapshot: Snapshot | null) {
    this.#current = snapshot;
    this.#bytes = snapshot?.parts.reduce((sum, part) => sum + part.bytes, 0) ?? 0;
  }

  /** Size on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  get isPinned(): boolean {
    return this.#pinnedSeqs !== null;
  }

  /** The last sequence number that the tail can forget: a snapshot holds it, and no join reads the tail before it. */
  get foldedSeq(): number {
    return Math.min(this.current?.seq ?? 0, ...(this.#pinnedSeqs ?? []));
  }

  /** Null if the document has no snapshot: the join then reads the whole tail. */
  pin(log: DocumentLog): PinnedSnapshot | null {
    const pinned = log.pin();
    (this.#pinnedSeqs ??= []).push(pinned?.snapshot.seq ?? 0);
    return pinned;
  }

  /** Takes what `pin` returned. To be called once for each pin. */
  unpin(pinned: PinnedSnapshot | null): void {
    pinned?.release();
    const seqs = this.#pinnedSeqs ?? [];
    seqs.splice(seqs.indexOf(pinned?.snapshot.seq ?? 0), 1);
    if (seqs.length === 0) this.#pinnedSeqs = null;
  }
}
