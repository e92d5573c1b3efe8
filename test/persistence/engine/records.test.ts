import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { DocumentKeys } from '../../../persistence/engine/keys.ts';
import {
  BadRecordError,
  EntrySealer,
  maxUserIdLength,
  seal,
  sealHead,
  unseal,
  unsealEntry,
  unsealHead,
} from '../../../persistence/engine/records.ts';

const keys = new DocumentKeys('a');

suite('Records', () => {
  test('entries are read back unchanged, for any length of user id and update', () => {
    const sealer = new EntrySealer();
    const users = ['', 'me', 'Jürgen 😀', '\u4e00'.repeat(maxUserIdLength)];
    for (const userId of users) {
      for (const bytes of [0, 1, 65_000, 70_000]) {
        const entry = { seq: 2 ** 40, timeMs: 1_700_000_000_000, userId, update: new Uint8Array(bytes).fill(7) };
        const value = sealer.seal(keys.entry(entry.seq), entry);
        assert.deepEqual(unsealEntry(keys.entry(entry.seq), Uint8Array.from(value)), entry);
      }
    }
  });

  test('a value is valid only under its key', () => {
    const value = seal(keys.meta, Uint8Array.of(1, 2, 3));
    assert.deepEqual(unseal(keys.meta, value), Uint8Array.of(1, 2, 3));
    assert.throws(() => unseal(keys.head, value), BadRecordError);
    assert.throws(() => unseal(new DocumentKeys('b').meta, value), BadRecordError);
    assert.throws(() => unseal(keys.meta, value.subarray(0, 3)), BadRecordError);
  });

  test('a head is read back with numbers above 32 bits, bytes and null', () => {
    const head = {
      pieceBytes: 262_144,
      snapshot: {
        seq: 2 ** 40,
        parts: [{ bytes: 2 ** 33, intervals: [2 ** 53 - 1, 0, 2 ** 31, 1, 5, 6] }],
        pending: null,
        stateVector: Uint8Array.of(1, 2),
        deleteSet: new Uint8Array(0),
      },
    };
    assert.deepEqual(unsealHead(keys.head, sealHead(keys.head, head)), head);
  });
});
