import { Worker } from 'node:worker_threads';
import { guardMs } from '../support/deadline.ts';
import type { FuzzReport } from './fuzzer.ts';
import { LastInput } from './last-input.ts';

/** An input that takes longer counts as one that never returns. */
const hangMs = guardMs;
/** The heap of the thread. Decoders need less than a tenth of it. The bound protects the machine. */
const maxHeapMb = 512;

export interface Campaign {
  readonly target: string;
  readonly seed: number;
  /** How long the campaign takes, in milliseconds. */
  readonly durationMs: number;
  /** The campaign ends earlier when it has tried or found this many. */
  readonly maxInputs: number;
  readonly maxFindings: number;
}

/** The data of the thread. */
export interface CampaignData extends Campaign {
  readonly lastInput: SharedArrayBuffer;
}

/** Fuzzes one target in a thread of its own, so that it also finds an input that never returns or takes all memory. */
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
      if (lastInput.count === seen) failed(`does not end\nno input returned for ${hangMs} ms`);
      seen = lastInput.count;
    }, hangMs);
    worker.once('message', end);
    worker.once('error', (error) => failed(`ends the thread\n${error.stack ?? error.message}`));
  });
}
