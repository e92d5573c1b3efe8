import { FairPlaces } from '../../limits/fair-places.ts';
import type { Offload } from '../offload.ts';

/** One job runs, and another one is ready when it ends. More would wait in the worker, where they have no turns. */
const PLACES = 2;

/**
 * Shares the worker thread fairly among those who need it: an address, or a user, with many large updates or joins does not
 * keep others waiting for more than two jobs. Jobs of clients that have left are not begun.
 */
export class SharedOffload {
  readonly #offload: Offload;
  // What waits is bounded by the sessions: each has one scan and one answer at a time.
  readonly #places = new FairPlaces({
    places: PLACES,
    maxWaiting: Infinity,
    maxWaitingPerKey: Infinity,
    maxWaitMs: null,
  });

  constructor(offload: Offload) {
    this.#offload = offload;
  }

  /** The worker as one client uses it. `key` says with whom it shares its turns. Rejects with NoPlaceError once it is gone. */
  of(key: string, isGone: () => boolean): Offload {
    const offload = this.#offload;
    return {
      scan: (update, limits) => this.#places.use(key, isGone, () => offload.scan(update, limits)),
      diff: (update, stateVector) => this.#places.use(key, isGone, () => offload.diff(update, stateVector)),
      merge: (updates) => this.#places.use(key, isGone, () => offload.merge(updates)),
    };
  }
}
