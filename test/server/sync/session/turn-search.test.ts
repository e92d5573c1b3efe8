import { test } from 'node:test';
import { randomOf, shuffled } from '../../../support/random.ts';
import { shapeNames } from '../../../support/update-shapes.ts';
import { searchTurns } from './turn-search.ts';

test('I6: updates up to 1 MB of some random shapes never keep the event loop busy for 50 ms', (t) => {
  const random = randomOf(t);
  const shapes = shuffled(shapeNames, random).slice(0, 4);
  return searchTurns(t, { random, shapes, rounds: 1, minBytes: 20_000, maxBytes: 1_000_000 });
});
