/** The thread of a campaign: fuzzes one target and posts its report. */
import { parentPort, workerData } from 'node:worker_threads';
import { Disposer } from '../support/owner.ts';
import { randomFrom } from '../support/random.ts';
import type { CampaignData } from './campaign.ts';
import { readCorpus } from './corpus.ts';
import { Fuzzer } from './fuzzer.ts';
import { LastInput } from './last-input.ts';
import { openTarget } from './targets.ts';

const { target: name, seed, durationMs, maxInputs, maxFindings, lastInput } = workerData as CampaignData;
const owner = new Disposer();
const last = new LastInput(lastInput);
const target = await openTarget(name, owner);
const beganMs = performance.now();
let tried = 0;
const fuzzer = new Fuzzer({
  target,
  random: randomFrom(seed),
  corpus: readCorpus(name),
  maxFindings,
  isOver: () => performance.now() - beganMs > durationMs || tried >= maxInputs,
  onInput: (input) => {
    tried++;
    last.write(input);
  },
});
const report = await fuzzer.run();
await owner.dispose();
parentPort?.postMessage(report, []);
