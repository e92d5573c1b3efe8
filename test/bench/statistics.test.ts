import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, quantile, spread } from './statistics.ts';

test('a quantile is the value below which a fraction of the values lie, for any order of the values', () => {
  const values = Array.from({ length: 1_000 }, (_, index) => (index * 7) % 1_000);
  assert.equal(quantile(values, 0), 0);
  assert.equal(quantile(values, 0.5), 500);
  assert.equal(quantile(values, 0.99), 990);
  assert.equal(quantile(values, 1), 999);
  assert.equal(quantile([10, 9, 100], 0.5), 10);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test('the median of an even number of values lies between the two in the middle', () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([9, 1, 5, 7]), 6);
  assert.equal(spread([9, 1, 5, 7]), '6 (1-9)');
});
