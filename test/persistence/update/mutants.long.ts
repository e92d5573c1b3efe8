import assert from 'node:assert/strict';
import { test } from 'node:test';
import { huntMutants } from '../../support/mutant-hunt.ts';
import { randomOf } from '../../support/random.ts';

const count = 100_000;

test('of 100,000 broken updates Yjs can apply all that the scan accepts (I6)', (t) => {
  const { accepted, excused } = huntMutants(randomOf(t), count);
  t.diagnostic(`${accepted} accepted, ${excused} excused`);
  assert.ok(accepted > count / 20, 'enough were accepted for the test to mean something');
  assert.ok(excused <= accepted / 100, 'hardly any of them contradicts the document so that Yjs throws');
});
