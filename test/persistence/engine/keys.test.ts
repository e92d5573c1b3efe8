import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { allLeftovers, docIdOf, DocumentKeys, pieceOf } from '../../../persistence/engine/keys.ts';

suite('DocumentKeys', () => {
  test('sort like their numbers, within their range and their document', () => {
    const keys = new DocumentKeys('b');
    const numbers = [0, 1, 255, 256, 65_536, 2 ** 32, 2 ** 40];
    const entries = numbers.map((seq) => keys.entry(seq));
    assert.deepEqual([...entries].sort(Buffer.compare), entries);
    const { gte, lt } = keys.entries(256, 2 ** 40);
    assert.deepEqual(
      entries.filter((key) => Buffer.compare(key, gte) >= 0 && Buffer.compare(key, lt) < 0),
      entries.slice(3, 6),
    );
    const others = ['a', 'bb', 'b\u0000', 'c'].map((docId) => new DocumentKeys(docId).entry(300));
    assert.deepEqual(
      others.filter((key) => Buffer.compare(key, gte) >= 0 && Buffer.compare(key, lt) < 0),
      [],
    );
  });

  test('pieces are in the range of pieces, and give their numbers back', () => {
    const keys = new DocumentKeys('a');
    const key = keys.piece(2 ** 40, 7);
    assert.deepEqual(pieceOf(key), { seq: 2 ** 40, piece: 7 });
    const { gte, lt } = keys.pieces();
    assert.ok(Buffer.compare(key, gte) >= 0 && Buffer.compare(key, lt) < 0);
  });

  test('marks of leftovers are in one range and contain their document id', () => {
    const { leftovers } = new DocumentKeys('Grüße 😀');
    assert.equal(docIdOf(leftovers), 'Grüße 😀');
    assert.ok(Buffer.compare(leftovers, allLeftovers.gte) >= 0 && Buffer.compare(leftovers, allLeftovers.lt) < 0);
  });

  test('the key in the shared buffer has the same bytes as a new one', () => {
    const keys = new DocumentKeys('a');
    for (const seq of [1, 258, 2 ** 40]) assert.deepEqual(keys.entryScratch(seq), keys.entry(seq));
  });
});
