import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attackBeside } from './hostile-neighbours.ts';
import { repetitions } from '../support/repetitions.ts';

test('I6: during each attack on a document, a neighbour loses no edit, and no message takes longer than a turn', async (t) => {
  const waits = await attackBeside(t, { rounds: 1, windowMs: repetitions(80, 400), warmUpMs: 0 });
  assert.ok(waits.every(({ attackedMs }) => attackedMs.length > 0));
});
