import assert from 'node:assert/strict';
import { test } from 'node:test';
import { evictOldest } from '../../../server/limits/evict-oldest.ts';

test('the entry that was inserted longest ago is evicted from a map above its limit, and only from there (I7)', () => {
  const map = new Map([
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ]);
  evictOldest(map, 3);
  assert.equal(map.size, 3);
  map.delete('a');
  map.set('a', 4);
  map.set('d', 5);
  evictOldest(map, 3);
  assert.deepEqual([...map.keys()], ['c', 'a', 'd']);
});
