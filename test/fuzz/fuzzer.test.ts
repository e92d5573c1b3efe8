import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { MessageReader } from '../../server/sync/protocol/wire.ts';
import { RefusedError } from '../../server/errors.ts';
import { randomOf } from '../support/random.ts';
import { runCampaign } from './campaign.ts';
import { Fuzzer } from './fuzzer.ts';
import { minimize } from './minimize.ts';
import type { Finding, FuzzTarget } from './target.ts';
import { targetNames } from './targets.ts';
import { repetitions } from '../support/repetitions.ts';

/** Many times the inputs that a hunt needs. */
const maxInputs = 200_000;

/** One of the numbers that mutants get. Others take up to 100,000 inputs to find. */
const largeNumber = 2 ** 31;

/** Above the limit, also on the slowest machine that the limit is scaled for. */
const slowMicros = 600_000;

/** A decoder of a list of numbers with a planted bug. */
function withBug(bug: (numbers: readonly number[], input: Uint8Array) => void): FuzzTarget<number[]> {
  return {
    seeds: () => [Uint8Array.of(2, 1, 2)],
    generate: null,
    decode(input) {
      const reader = new MessageReader(input);
      const length = reader.varUint();
      if (length > 100) throw new RefusedError('malformed', 'too many numbers');
      const numbers = Array.from({ length }, () => reader.varUint());
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

test('an undeclared exception is found and its input is made small', async (t) => {
  const target = withBug((numbers) => {
    if (numbers.length > 3 && numbers.at(-1) === 0x7f) throw new TypeError('planted');
  });
  const { what, input } = await hunt(t, target);
  assert.match(what, /^TypeError: planted/);
  // The count, four numbers of which the last is 127, and a redundant byte of the count and of the last number.
  assert.ok(input.length <= 7, Buffer.from(input).toString('hex'));
});

test('minimizing leaves out the items of nested lists together with their counts', async () => {
  // A list of lists of two-byte items.
  const input = Uint8Array.of(3, 2, 1, 1, 2, 2, 3, 3, 3, 4, 4, 9, 9, 1, 5, 5);
  let tries = 0;
  const isStill = (candidate: Uint8Array): Promise<boolean> => {
    tries++;
    return Promise.resolve(listsOf(candidate)?.some((items) => items.includes(9)) === true);
  };
  assert.deepEqual(Array.from(await minimize(input, isStill, 1_000)), [1, 1, 9, 9]);
  tries = 0;
  const unfinished = await minimize(input, isStill, 20);
  assert.equal(tries, 20);
  assert.ok(listsOf(unfinished)?.some((items) => items.includes(9)));
});

/** Items that differ, or bytes that are left over, make the input invalid. */
function listsOf(input: Uint8Array): number[][] | null {
  let at = 1;
  const lists: number[][] = [];
  for (let left = input[0] ?? 0; left > 0; left--) {
    const items: number[] = [];
    for (let count = input[at++] ?? -1; count > 0; count--, at += 2) {
      if (input[at] === undefined || input[at] !== input[at + 1]) return null;
      items.push(input[at] as number);
    }
    lists.push(items);
  }
  return at === input.length ? lists : null;
}

test('an input that takes long is a finding, also if its result is right', async (t) => {
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
    if (numbers.includes(largeNumber)) kept.push(new Float64Array(8_000_000));
  });
  assert.match((await hunt(t, target)).what, /^takes much memory/);
});

test('a wrongly decoded value is found by the check of the target', async (t) => {
  const target = withBug(() => {});
  assert.match((await hunt(t, { ...target, check: refuseLarge })).what, /a number is wrong/);
});

function refuseLarge(numbers: readonly number[]): string {
  assert.ok(!numbers.some((number) => number > 2 ** 40), 'a number is wrong');
  return '';
}

test('I6: no target finds anything in its corpus, its seeds and some mutants', async () => {
  // A fixed seed, so that this test repeats the same inputs. `npm run fuzz` tries new ones.
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
