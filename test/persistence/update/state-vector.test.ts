import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import * as Y from 'yjs';
import { MalformedUpdateError } from '../../../persistence/errors.ts';
import { covers, decodeStateVector, encodeStateVector } from '../../../persistence/update/state-vector.ts';
import { bytesOf } from '../../support/update-bytes.ts';

suite('state vectors', () => {
  test('are read and written like Yjs', () => {
    const vector = new Map([
      [7, 1],
      [2 ** 32 - 1, 300],
      [500, 2 ** 31],
    ]);
    assert.deepEqual(encodeStateVector(vector), Y.encodeStateVector(vector));
    assert.deepEqual(decodeStateVector(Y.encodeStateVector(vector)), vector);
    assert.deepEqual(decodeStateVector(Uint8Array.of(0)), new Map());
  });

  test('do not list clients without clocks', () => {
    assert.deepEqual(encodeStateVector(new Map([[1, 0]])), Uint8Array.of(0));
  });

  test('are refused if truncated, too long, repetitive, or larger than possible (I6)', () => {
    const refused = [[], [1, 1], [0, 0], [2, 1, 1, 1, 1], [5, 1, 1]].map((bytes) => Uint8Array.from(bytes));
    for (const bytes of [...refused, bytesOf(1, 1, 2 ** 32), bytesOf(2 ** 40)]) {
      assert.throws(() => decodeStateVector(bytes), MalformedUpdateError);
    }
  });

  test('cover others that contain nothing more', () => {
    const vector = new Map([
      [1, 5],
      [2, 1],
    ]);
    assert.ok(covers(vector, new Map([[1, 5]])));
    assert.ok(covers(vector, new Map([[3, 0]])));
    assert.ok(!covers(vector, new Map([[1, 6]])));
    assert.ok(!covers(vector, new Map([[3, 1]])));
  });
});
