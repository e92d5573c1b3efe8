import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedBuckets, TokenBucket } from '../../../server/limits/token-bucket.ts';

const size = { perSecond: 10, burst: 5 };

test('a bucket gives its stored tokens at once, then tokens at the refill rate', () => {
  const bucket = new TokenBucket(size, 0);
  for (let i = 0; i < 5; i++) assert.equal(bucket.reserve(0, 0), 0);
  assert.equal(bucket.reserve(0, 0), null);
  assert.equal(bucket.waitMs(1, 0), 100);
  assert.equal(bucket.reserve(100, 0), 0);
  assert.equal(bucket.reserve(100, 0), null);
  // It never holds more than its capacity, even after a long time.
  for (let i = 0; i < 5; i++) assert.equal(bucket.reserve(1e9, 0), 0);
  assert.equal(bucket.reserve(1e9, 0), null);
});

test('taking more tokens than available leaves a debt, which is refilled first', () => {
  const bucket = new TokenBucket(size, 0);
  bucket.spend(25, 0);
  assert.equal(bucket.waitMs(0, 0), 2_000);
  assert.equal(bucket.waitMs(0, 1_000), 1_000);
  assert.equal(bucket.waitMs(0, 2_000), 0);
  assert.equal(bucket.waitMs(5, 2_000), 500);
  assert.equal(bucket.waitMs(1_000, 2_000), 500);
});

test('a caller that waits may take tokens in advance, up to a bound', () => {
  const bucket = new TokenBucket(size, 0);
  const waits = Array.from({ length: 8 }, () => bucket.reserve(0, 200));
  assert.deepEqual(waits, [0, 0, 0, 0, 0, 100, 200, null]);
});

test('a clock that is set back neither adds nor removes tokens', () => {
  const bucket = new TokenBucket(size, 10_000);
  bucket.spend(5, 10_000);
  assert.equal(bucket.waitMs(1, 4_000), 100);
  assert.equal(bucket.waitMs(1, 4_100), 0);
});

test('the 10,000 most recently used keys are remembered (I7)', () => {
  const buckets = new KeyedBuckets(size);
  buckets.of('first', 0).spend(5, 0);
  buckets.of('second', 0).spend(5, 0);
  for (let i = 0; i < 9_999; i++) {
    buckets.of(`other ${i}`, 0);
    buckets.of('second', 0);
  }
  assert.equal(buckets.of('first', 0).waitMs(1, 0), 0);
  assert.equal(buckets.of('second', 0).waitMs(1, 0), 100);
});
