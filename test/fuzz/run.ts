/**
 * Fuzzes all targets: `npm run fuzz`, or `npm run fuzz -- scan --seconds 600` for one target and a longer time. SEED in
 * the environment repeats a run. `npm run fuzz -- scan --input <hex>` tries a single input, and `--input @<file>` a
 * long one.
 */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Disposer } from '../support/owner.ts';
import { runCampaign } from './campaign.ts';
import { Fuzzer } from './fuzzer.ts';
import type { Finding } from './target.ts';
import { openTarget, shareOf, targetNames } from './targets.ts';
import { randomFrom } from '../support/random.ts';

/** The time for all targets together. */
const defaultSeconds = 60;

/** A campaign ends after this many kinds of findings. */
const maxFindings = 5;

/** A longer input is written to a file. */
const maxShownBytes = 2_048;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seconds: { type: 'string', default: String(defaultSeconds) }, input: { type: 'string' } },
});
const names = targetNames.filter((name) => positionals.length === 0 || positionals.includes(name));
const seed = Number(process.env['SEED'] ?? Math.floor(Math.random() * 2 ** 32));
const seconds = Number(values.seconds);
if (!Number.isSafeInteger(seed) || !(seconds > 0) || names.length === 0 || positionals.length > names.length) {
  console.error(`Usage: [SEED=n] npm run fuzz -- [--seconds n] [--input hex] [${targetNames.join(' ')}]`);
  process.exit(2);
}

if (values.input === undefined) await fuzzAll();
else
  await tryOne(values.input.startsWith('@') ? readFileSync(values.input.slice(1)) : Buffer.from(values.input, 'hex'));

async function fuzzAll(): Promise<void> {
  console.log(`SEED=${seed}`);
  const shares = names.reduce((sum, name) => sum + shareOf(name), 0);
  for (const target of names) {
    const durationMs = (seconds * 1_000 * shareOf(target)) / shares;
    const { inputs, outcomes, kept, findings } = await runCampaign({
      target,
      seed,
      durationMs,
      maxInputs: Infinity,
      maxFindings,
    });
    const rate = Math.round((inputs / durationMs) * 1_000);
    console.log(`${target}: ${inputs} inputs (${rate} per second), ${outcomes} outcomes, ${kept} kept`);
    for (const finding of findings) show(target, finding);
  }
}

async function tryOne(input: Uint8Array): Promise<void> {
  for (const name of names) {
    const owner = new Disposer();
    const target = await openTarget(name, owner);
    const fuzzer = new Fuzzer({ target, random: randomFrom(seed), corpus: [], maxFindings, isOver: () => true });
    const what = await fuzzer.examine(input);
    await owner.dispose();
    if (what === null) console.log(`${name}: the input breaks no promise`);
    else show(name, { input, what });
  }
}

function show(target: string, { input, what }: Finding): void {
  process.exitCode = 1;
  console.log(`${target}: FOUND ${what}`);
  console.log(`SEED=${seed}; again: npm run fuzz -- ${target} --input ${inALine(target, input)}\n`);
}

/** The input in hex, or `@` and the file that it was written to. */
function inALine(target: string, input: Uint8Array): string {
  if (input.length <= maxShownBytes) return Buffer.from(input).toString('hex');
  const file = join(mkdtempSync(join(tmpdir(), 'quire-fuzz-')), target);
  writeFileSync(file, input);
  return `@${file}`;
}
