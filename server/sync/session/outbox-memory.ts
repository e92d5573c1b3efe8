import { limitReached } from '../../errors.ts';
import type { Peer } from '../room/peer.ts';

/** An outbox with updates that wait for a slow reader. */
export interface Waiting {
  readonly waitingBytes: number;
  readonly peer: Pick<Peer, 'end'>;
}

/** Bounds the bytes of updates that wait for all slow readers together. */
export class OutboxMemory {
  readonly #maxBytes: number;
  readonly #waiting = new Set<Waiting>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Adds bytes to an outbox. Beyond the bound, ends the sessions with the most waiting bytes, which may be this one.
   */
  grew(waiting: Waiting, bytes: number): void {
    this.#waiting.add(waiting);
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes && this.#waiting.size > 0) {
      const furthest = this.#furthestBehind();
      // The end of a session empties its outbox. It does not if the session has ended already.
      furthest.peer.end(limitReached('outbox-memory'));
      this.emptied(furthest);
    }
  }

  /** Subtracts all bytes of an outbox. To be called before it forgets them. May be called twice. */
  emptied(waiting: Waiting): void {
    if (this.#waiting.delete(waiting)) this.#bytes -= waiting.waitingBytes;
  }

  #furthestBehind(): Waiting {
    let furthest: Waiting | null = null;
    for (const waiting of this.#waiting) {
      if (furthest === null || waiting.waitingBytes > furthest.waitingBytes) furthest = waiting;
    }
    return furthest!;
  }
}
