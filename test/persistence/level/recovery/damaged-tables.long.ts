import { test } from 'node:test';
import { flipAndOpen } from './damaged-tables.ts';

test('2,000 flipped bits in tables lose nothing silently and never end the process (I1, I6, I8)', async (t) => {
  await flipAndOpen(t, { flips: 2_000 });
});
