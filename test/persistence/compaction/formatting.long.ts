import assert from 'node:assert/strict';
import { test } from 'node:test';
import { huntFormatting } from '../../support/formatting-hunt.ts';
import { randomOf } from '../../support/random.ts';

test('3,000 documents full of formatting marks are folded as editors show them (I4)', (t) => {
  const hunt = huntFormatting(randomOf(t), 3_000);
  t.diagnostic(JSON.stringify(hunt));
  assert.ok(hunt.differed > 0, 'an editor that cleaned up did look different');
});
