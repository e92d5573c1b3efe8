import assert from 'node:assert/strict';
import { test } from 'node:test';
import { huntMutants } from '../../support/mutant-hunt.ts';
import { randomOf } from '../../support/random.ts';
import { repetitions } from '../../support/repetitions.ts';

const count = repetitions(1_500, 60_000);

test('Yjs can apply every broken update that the scan accepts (I6)', (t) => {
  const { accepted, excused } = huntMutants(randomOf(t), count);
  t.diagnostic(`${accepted} accepted, ${excused} excused`);
  assert.ok(accepted > count / 20, 'enough were accepted for the test to mean something');
  assert.ok(excused <= Math.max(3, accepted / 100), 'hardly any of them contradicts the document so that Yjs throws');
});
