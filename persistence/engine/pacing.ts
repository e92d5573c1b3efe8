import { performance } from 'node:perf_hooks';

/**
 * Decides when the next batch starts. Called when entries wait and no batch is in flight. Must call `start` once, now
 * or later; entries that arrive until then go into the same batch. `arrived` is the number of entries since the process
 * started, including those that wait.
 */
export type CommitPacing = (start: () => void, arrived: number) => void;

/** Starts at the end of this turn of the event loop, so all messages that the sockets had ready share the batch. */
export const atOnce: CommitPacing = (start) => {
  setImmediate(start);
};

/** How often the rate is measured: long enough for the threshold to be 25 entries. */
const windowMs = 50;
/** Too short for users to notice. At 1,000 commits per second it halves their number. */
const batchDelayMs = 2;
/** At this rate a delayed batch gets at least one more entry. Below it, a delay would cost latency and save nothing. */
const busyRatePerMs = 1 / batchDelayMs;

/**
 * Starts at once at low rates. From 500 entries per second on, delays each batch by 2 ms. A commit and the message to
 * each reader that follows it cost the same for one edit as for ten, so the delay makes edits cheaper under load.
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
    if (isBusy) setTimeout(start, batchDelayMs);
    else setImmediate(start);
  };
}
