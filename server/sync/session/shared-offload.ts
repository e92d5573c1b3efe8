import { FairPlaces } from '../../limits/fair-places.ts';
import type { Offload } from '../offload.ts';

/**
 * One job runs, and one more is ready when it ends. Further jobs would wait in the worker, where they have no turns.
 */
const maxJobs = 2;

/**
 * Shares the worker thread in turns. An address or a user with many large updates or joins does not delay others for
 * longer than two jobs. Jobs of clients that have left do not start.
 */
export class SharedOffload {
  readonly #offload: Offload;
  // Bounded by the number of sessions: each has one scan and one answer at a time.
  readonly #places = new FairPlaces({
    places: maxJobs,
    maxWaiting: Infinity,
    maxWaitingPerKey: Infinity,
    maxWaitMs: null,
  });

  constructor(offload: Offload) {
    this.#offload = offload;
  }

  /**
   * The worker for one client. Clients with the same `key` share turns. Jobs reject with NoPlaceError if it is gone.
   */
  of(key: string, isGone: () => boolean): Offload {
    const offload = this.#offload;
    return {
      scan: (update, limits) => this.#places.use(key, isGone, () => offload.scan(update, limits)),
      diff: (update, stateVector) => this.#places.use(key, isGone, () => offload.diff(update, stateVector)),
      merge: (updates) => this.#places.use(key, isGone, () => offload.merge(updates)),
    };
  }
}
