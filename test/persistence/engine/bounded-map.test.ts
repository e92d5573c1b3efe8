import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { BoundedMap } from '../../../persistence/engine/bounded-map.ts';

suite('BoundedMap', () => {
  test('evicts the entry that was set longest ago (I7)', () => {
    const map = new BoundedMap<string, number>(2);
    map.set('a', 1);
    map.set('b', 2);
    map.set('a', 3);
    map.set('c', 4);
    assert.deepEqual([map.get('a'), map.get('b'), map.get('c')], [3, undefined, 4]);
    map.delete('a');
    map.set('d', 5);
    assert.deepEqual([map.get('c'), map.get('d')], [4, 5]);
  });
});
