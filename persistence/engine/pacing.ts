import { performance } from 'node:perf_hooks';

/**
 * Decides when the next batch starts. Called when something waits and no batch is in flight; must call `start` once,
 * now or later. What arrives until then goes into the same batch. `arrived`: how many entries have come since the process
 * began, those that wait included.
 */
export type CommitPacing = (start: () => void, arrived: number) => void;

/** At the end of this turn of the event loop: everything that the sockets had ready shares the batch. */
export const atOnce: CommitPacing = (start) => {
  setImmediate(start);
};

/** How often it is looked how much arrives: long enough for the threshold to be 25 entries. */
const windowMs = 50;
/** Nobody sees it, and at 1,000 commits a second it halves their number. */
const gatherMs = 2;
/** From here on a batch that waits finds one more entry at least; below, waiting would cost latency and save nothing. */
const busyRatePerMs = 1 / gatherMs;

/**
 * At once while little arrives; from 500 entries a second on a batch gathers for 2 ms. A commit and what follows it (one message to
 * each reader) costs the same for one edit as for ten: so under load edits cost less.
 */
export function adaptivePacing(now: () => number = () => performance.now()): CommitPacing {
  let windowStartMs = -Infinity;
  let arrivedBefore = 0;
  let isBusy = false;
  return (start, arrived) => {
    const nowMs = now();
    const elapsedMs = nowMs - windowStartMs;
    if (elapsedMs >= windowMs) {
      isBusy = (arrived - arrivedBefore) / elapsedMs >= busyRatePerMs;
      windowStartMs = nowMs;
      arrivedBefore = arrived;
    }
    if (isBusy) setTimeout(start, gatherMs);
    else setImmediate(start);
  };
}
