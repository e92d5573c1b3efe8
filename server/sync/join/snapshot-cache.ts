import type { PinnedSnapshot, Snapshot } from '../../../persistence/update-log.ts';

/** A part that nobody asked for during this long is read from disk again: a storm of joins is over by then. */
const KEEP_MS = 5_000;

interface CachedPart {
  readonly data: Promise<Uint8Array>;
  usedMs: number;
}

/** The parts of one snapshot that were read lately, so that many joins of one document read and encode them once. */
export class SnapshotCache {
  readonly #encode: (part: Uint8Array) => Uint8Array;
  #snapshot: Snapshot | null = null;
  #parts: (CachedPart | undefined)[] = [];

  /** `encode` makes of a part what is sent. */
  constructor(encode: (part: Uint8Array) => Uint8Array) {
    this.#encode = encode;
  }

  /** What is kept. */
  get bytes(): number {
    return this.#parts.reduce((sum, part, at) => sum + (part === undefined ? 0 : this.#snapshot!.parts[at]!.bytes), 0);
  }

  /** The encoded part. Rejects like `PinnedSnapshot.read`. */
  read(pinned: PinnedSnapshot, part: number, nowMs: number): Promise<Uint8Array> {
    if (this.#snapshot !== pinned.snapshot) {
      this.#snapshot = pinned.snapshot;
      this.#parts = [];
    }
    const cached = this.#parts[part];
    if (cached !== undefined) {
      cached.usedMs = nowMs;
      return cached.data;
    }
    const data = pinned.read(part).then(this.#encode);
    // A failed read is not kept; whoever awaits it hears of the failure.
    data.catch(() => (this.#parts = []));
    this.#parts[part] = { data, usedMs: nowMs };
    return data;
  }

  /** Drops what was not used lately. Returns whether anything is left. */
  sweep(nowMs: number): boolean {
    this.#parts = this.#parts.map((part) => (part !== undefined && nowMs - part.usedMs < KEEP_MS ? part : undefined));
    return this.#parts.some((part) => part !== undefined);
  }
}
