import { performance } from 'node:perf_hooks';

/**
 * Decides when the next batch starts. Called when something waits and no batch is in flight; must call `start` once,
 * now or later. What arrives until then goes into the same batch.
 */
export type CommitPacing = (start: () => void) => void;

/** At the end of this turn of the event loop: everything that the sockets had ready shares the batch. */
export const atOnce: CommitPacing = (start) => {
  setImmediate(start);
};

/** How often it is looked how busy the process is. */
const windowMs = 50;
/** Up to this share of its time in use a process is as good as idle: waiting would only cost latency. */
const idleShare = 0.04;
/** From here on a batch waits as long as it may. */
const busyShare = 0.12;
/** Nobody sees it, and at 1,000 commits a second it halves their number. */
const maxDelayMs = 2;

/** The share of its time, 0 to 1, that the event loop was in use since the last call. */
export type Utilization = () => number;

/**
 * At once while the process has nothing else to do; the busier it is, the longer a batch gathers, up to 2 ms. A commit and
 * what follows it (one message to each reader) costs the same for one edit as for ten: so under load edits cost less.
 */
export function adaptivePacing(
  now: () => number = () => performance.now(),
  utilization: Utilization = utilizationSinceLastCall(),
): CommitPacing {
  let windowEndMs = -Infinity;
  let delayMs = 0;
  return (start) => {
    const nowMs = now();
    if (nowMs >= windowEndMs) {
      windowEndMs = nowMs + windowMs;
      delayMs = delayAt(utilization());
    }
    if (delayMs < 1) setImmediate(start);
    else setTimeout(start, delayMs);
  };
}

function delayAt(share: number): number {
  const load = (share - idleShare) / (busyShare - idleShare);
  return Math.round(maxDelayMs * Math.min(1, Math.max(0, load)));
}

function utilizationSinceLastCall(): Utilization {
  let last = performance.eventLoopUtilization();
  return () => {
    const current = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(current, last);
    last = current;
    return utilization;
  };
}
