import { limitReached } from '../../errors.ts';
import type { Peer } from '../peer.ts';

/** What waits for one slow reader. */
export interface Waiting {
  readonly waitingBytes: number;
  readonly peer: Pick<Peer, 'end'>;
}

/** What waits for all slow readers together. */
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

  /** More waits for this one. Beyond the bound whoever is furthest behind is ended, which may be this one. */
  grew(waiting: Waiting, bytes: number): void {
    this.#waiting.add(waiting);
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes && this.#waiting.size > 0) {
      const furthest = this.#furthestBehind();
      // Its end gives back what waits for it; who has ended already has nothing left to give.
      furthest.peer.end(limitReached('outbox-memory'));
      this.emptied(furthest);
    }
  }

  /** Nothing waits for this one any more. To be called before that is forgotten; twice is fine. */
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
