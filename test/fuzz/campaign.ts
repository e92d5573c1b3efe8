import { Worker } from 'node:worker_threads';
import { guardMs } from '../support/deadline.ts';
import type { FuzzReport } from './fuzzer.ts';
import { LastInput } from './last-input.ts';

/** A target that is given one input and has not answered after this, never will. */
const hangMs = guardMs;
/** No decoder needs a tenth of it; one that takes all must not take the machine along. */
const maxHeapMb = 512;

export interface Campaign {
  readonly target: string;
  readonly seed: number;
  /** How long to look, in milliseconds. */
  readonly durationMs: number;
  /** It ends earlier when it has tried or found so many. */
  readonly maxInputs: number;
  readonly maxFindings: number;
}

/** What the thread is started with. */
export interface CampaignData extends Campaign {
  readonly lastInput: SharedArrayBuffer;
}

/** Fuzzes one target in a thread of its own, so that an input that never comes back or takes all memory is found, too. */
export function runCampaign(campaign: Campaign): Promise<FuzzReport> {
  const lastInput = new LastInput();
  const workerData: CampaignData = { ...campaign, lastInput: lastInput.buffer };
  const worker = new Worker(new URL('./campaign-thread.js', import.meta.url), {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
  });
  return new Promise((resolve) => {
    const end = (report: FuzzReport): void => {
      clearInterval(watch);
      void worker.terminate();
      resolve(report);
    };
    const failed = (what: string): void => {
      end({ inputs: lastInput.count, outcomes: 0, kept: 0, findings: [{ input: lastInput.read(), what }] });
    };
    let seen = -1;
    const watch = setInterval(() => {
      if (lastInput.count === seen) failed(`does not end\nnothing came for ${hangMs} ms`);
      seen = lastInput.count;
    }, hangMs);
    worker.once('message', end);
    worker.once('error', (error) => failed(`ends the thread\n${error.stack ?? error.message}`));
  });
}
