import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foldWithoutPoison } from '../../../persistence/compaction/poison.ts';
import type { PoisonTrial, Suspect } from '../../../persistence/compaction/poison.ts';
import { randomOf } from '../../support/random.ts';

type Seqs = readonly (number | null)[];

/** A document that fails where `isPoisoned` returns true, with the suspects that wait in it. Counts its trials. */
class FakeTrial implements PoisonTrial<Seqs> {
  trials = 0;
  readonly #isPoisoned: (seqs: Seqs) => boolean;
  readonly #waits: (seqs: Seqs, seq: number | null) => boolean;

  constructor(isPoisoned: (seqs: Seqs) => boolean, waits: (seqs: Seqs, seq: number | null) => boolean = () => false) {
    this.#isPoisoned = isPoisoned;
    this.#waits = waits;
  }

  fold(suspects: readonly Suspect[]): Seqs {
    this.trials++;
    const seqs = suspects.map(({ seq }) => seq);
    if (this.#isPoisoned(seqs)) throw new Error('Poisoned');
    return seqs;
  }

  waits(folded: Seqs, suspect: Suspect): boolean {
    return this.#waits(folded, suspect.seq);
  }
}

function suspects(count: number): Suspect[] {
  return Array.from({ length: count }, (_, index) => ({ seq: index + 1, update: Uint8Array.of(0, 0) }));
}

function poisonOf(count: number, trial: FakeTrial): (number | null)[] {
  return foldWithoutPoison(suspects(count), trial).poison.map(({ seq }) => seq);
}

test('One poisonous update among 1,000 is found in a dozen trials at any position', (t) => {
  const random = randomOf(t);
  for (const bad of [1, 2, 999, 1_000, 1 + random.below(1_000)]) {
    const trial = new FakeTrial((seqs) => seqs.includes(bad));
    assert.deepEqual(poisonOf(1_000, trial), [bad]);
    assert.ok(trial.trials <= 14, `${trial.trials} trials`);
  }
});

test('Several are found one after the other, and all other updates are folded', (t) => {
  const random = randomOf(t);
  const bad = new Set(Array.from({ length: 9 }, () => 1 + random.below(1_000)));
  const trial = new FakeTrial((seqs) => seqs.some((seq) => seq !== null && bad.has(seq)));
  const { folded, poison } = foldWithoutPoison(suspects(1_000), trial);
  assert.deepEqual(new Set(poison.map(({ seq }) => seq)), bad);
  assert.deepEqual(
    folded,
    suspects(1_000).flatMap(({ seq }) => (bad.has(seq as number) ? [] : [seq])),
  );
  assert.ok(trial.trials <= 9 * 14);
});

test('More than 64 are too many to be set aside: folding fails after a bounded number of trials', () => {
  const trial = new FakeTrial((seqs) => seqs.some((seq) => (seq as number) % 10 === 0));
  assert.throws(() => poisonOf(1_000, trial), /Poisoned/);
  assert.ok(trial.trials <= 65 * 14);
});

test('An update that waited for another is blamed, not the update it waited for', () => {
  // 20 waits until 700 is there, and then poisons the document.
  const trial = new FakeTrial(
    (seqs) => seqs.includes(20) && seqs.includes(700),
    (seqs, seq) => seq === 20 && !seqs.includes(700),
  );
  assert.deepEqual(poisonOf(1_000, trial), [20]);
});

test('An update that harms earlier ones is blamed, even if others happen to wait', () => {
  const trial = new FakeTrial(
    (seqs) => seqs.includes(20) && seqs.includes(700),
    (_, seq) => seq === 5,
  );
  assert.deepEqual(poisonOf(1_000, trial), [700]);
});

test('Of two updates that wait for each other the later one is blamed, after a bounded number of trials', () => {
  const trial = new FakeTrial(
    (seqs) => seqs.includes(20) && seqs.includes(700),
    (seqs, seq) => (seq === 20 && !seqs.includes(700)) || (seq === 700 && !seqs.includes(20)),
  );
  assert.deepEqual(poisonOf(1_000, trial), [700]);
  assert.ok(trial.trials <= 50);
});
