import { test } from 'node:test';
import { randomOf } from '../../../support/random.ts';
import { shapeNames } from '../../../support/update-shapes.ts';
import { searchTurns } from './turn-search.ts';

test('I6: updates of any shape, up to the largest message, never keep the event loop busy for 50 ms', (t) =>
  searchTurns(t, { random: randomOf(t), shapes: shapeNames, rounds: 12, minBytes: 20_000, maxBytes: 20_000_000 }));
