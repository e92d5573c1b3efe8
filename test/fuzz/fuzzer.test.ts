import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { MessageReader } from '../../server/sync/protocol/wire.ts';
import { RefusedError } from '../../server/errors.ts';
import { randomOf } from '../support/random.ts';
import { runCampaign } from './campaign.ts';
import { Fuzzer } from './fuzzer.ts';
import type { Finding, FuzzTarget } from './target.ts';
import { targetNames } from './targets.ts';
import { repetitions } from '../support/repetitions.ts';

/** Many times what it takes; by count, for a slow machine needs longer. */
const maxInputs = 200_000;

/** Long, also on the slowest machine for which limits are stretched. */
const slowMicros = 600_000;

/** A reader of a list of numbers, with something wrong in it. */
function withBug(bug: (numbers: readonly number[], input: Uint8Array) => void): FuzzTarget<number[]> {
  return {
    seeds: () => [Uint8Array.of(2, 1, 2)],
    generate: null,
    decode(input) {
      const reader = new MessageReader(input);
      const numbers = Array.from({ length: Math.min(reader.varUint(), 100) }, () => reader.varUint());
      reader.end();
      bug(numbers, input);
      return numbers;
    },
    refusal: (error) => (error instanceof RefusedError ? error.message : null),
    check: (numbers) => `${numbers.length}`,
  };
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function hunt(t: TestContext, target: FuzzTarget): Promise<Finding> {
  let left = maxInputs;
  const isOver = (): boolean => left <= 0;
  const onInput = (): number => left--;
  const fuzzer = new Fuzzer({ target, random: randomOf(t), corpus: [], maxFindings: 1, isOver, onInput });
  const { inputs, findings } = await fuzzer.run();
  t.diagnostic(`${inputs} inputs`);
  assert.equal(findings.length, 1);
  return findings[0] as Finding;
}

test('an exception that was not declared is found, and its input made small', async (t) => {
  const target = withBug((numbers) => {
    if (numbers.length > 3 && numbers.at(-1) === 0x7f) throw new TypeError('planted');
  });
  const { what, input } = await hunt(t, target);
  assert.match(what, /^TypeError: planted/);
  assert.ok(input.length <= 8, `${input.length} bytes`);
});

test('an input that takes long is wrong, also if nothing is wrong with what comes of it', async (t) => {
  const target = withBug((numbers) => {
    if (!numbers.includes(1 << 14)) return;
    for (const beganMicros = cpuMicros(); cpuMicros() - beganMicros < slowMicros;);
  });
  const options = { target, random: randomOf(t), corpus: [], maxFindings: 1, isOver: () => true };
  const fuzzer = new Fuzzer(options);
  assert.equal(await fuzzer.examine(Uint8Array.of(1, 7)), null);
  assert.match((await fuzzer.examine(Uint8Array.of(1, 0x80, 0x80, 1))) ?? '', /^takes long/);
});

test('an input that takes much memory is found', async (t) => {
  const kept: unknown[] = [];
  const target = withBug((numbers) => {
    if (numbers.includes(1 << 14)) kept.push(new Float64Array(8_000_000));
  });
  assert.match((await hunt(t, target)).what, /^takes much memory/);
});

test('what is decoded wrongly is found by the check of the target', async (t) => {
  const target = withBug(() => {});
  assert.match((await hunt(t, { ...target, check: refuseLarge })).what, /a number is wrong/);
});

function refuseLarge(numbers: readonly number[]): string {
  assert.ok(!numbers.some((number) => number > 2 ** 40), 'a number is wrong');
  return '';
}

test('no target finds anything in its corpus, its seeds and some mutants (I6)', async () => {
  // Always the same: what is new is looked for by `npm run fuzz`, not while somebody tests a change.
  const seed = Number(process.env['SEED'] ?? 1);
  for (const target of targetNames) {
    const { inputs, findings } = await runCampaign({
      target,
      seed,
      durationMs: Infinity,
      maxInputs: repetitions(20, 150),
      maxFindings: 1,
    });
    assert.deepEqual(findings, [], `SEED=${seed} ${target}`);
    assert.ok(inputs > 0, target);
  }
});
