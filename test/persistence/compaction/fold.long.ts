import assert from 'node:assert/strict';
import { test } from 'node:test';
import { huntThroughCompaction } from '../../support/compaction-hunt.ts';
import { randomOf } from '../../support/random.ts';

test('Mutants of 5,000 documents: every update that the scan accepts is folded or set aside (I6)', (t) => {
  const { mutants, setAside } = huntThroughCompaction(randomOf(t), 5_000);
  t.diagnostic(`${mutants} accepted mutants, ${setAside} entries set aside`);
  assert.ok(setAside < mutants / 1_000, `${setAside} of ${mutants} set aside`);
});
