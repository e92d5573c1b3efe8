import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RefusalDelay } from '../../../server/auth/refusal-delay.ts';

test('the first refusal is not delayed, and each further one is delayed longer, up to four seconds', () => {
  const delay = new RefusalDelay();
  const delays = Array.from({ length: 8 }, (_, i) => delay.refused('192.0.2.1', 'token', i * 1_000));
  assert.deepEqual(delays, [0, 250, 500, 1_000, 2_000, 4_000, 4_000, 4_000]);
});

test('many tokens from one address are slowed down, and so is one token from many addresses; others are not', () => {
  const delay = new RefusalDelay();
  for (let i = 0; i < 5; i++) delay.refused('192.0.2.1', `guess ${i}`, 0);
  assert.equal(delay.refused('192.0.2.1', 'another guess', 0), 4_000);
  for (let i = 0; i < 5; i++) delay.refused(`198.51.100.${i}`, 'stolen', 0);
  assert.equal(delay.refused('203.0.113.1', 'stolen', 0), 4_000);
  assert.equal(delay.refused('203.0.113.2', 'new', 0), 0);
  assert.equal(delay.refused('203.0.113.3', null, 0), 0);
});

test('a minute without a refusal resets the delay', () => {
  const delay = new RefusalDelay();
  for (let i = 0; i < 5; i++) delay.refused('192.0.2.1', null, 0);
  assert.equal(delay.refused('192.0.2.1', null, 59_999), 4_000);
  assert.equal(delay.refused('192.0.2.1', null, 120_000), 0);
});

test('after the clock is set back, refusals from the future no longer count', () => {
  const delay = new RefusalDelay();
  for (let i = 0; i < 5; i++) delay.refused('192.0.2.1', null, 1_000_000_000);
  assert.equal(delay.owedMs('192.0.2.1', null, 0), 0);
  assert.equal(delay.refused('192.0.2.1', null, 0), 0);
  assert.equal(delay.refused('192.0.2.1', null, 1_000), 250);
});

test('the memory is bounded: with a hundred thousand addresses the oldest are evicted (I7)', () => {
  const delay = new RefusalDelay();
  delay.refused('first', null, 0);
  delay.refused('first', null, 0);
  for (let i = 0; i < 100_000; i++) delay.refused(`address ${i}`, null, 1);
  assert.equal(delay.refused('first', null, 1), 0);
  assert.equal(delay.refused('address 99999', null, 1), 250);
});
