import assert from 'node:assert/strict';
import * as Y from 'yjs';
import { MalformedUpdateError } from '../../../persistence/errors.ts';
import { decodeStateVector, encodeStateVector } from '../../../persistence/update/state-vector.ts';
import { bytesOf } from '../../support/update-bytes.ts';
import type { FuzzTarget } from '../target.ts';

/** State vectors. The server decodes them as Yjs does, and encoding inverts decoding. */
export const stateVectorTarget: FuzzTarget<Map<number, number>> = {
  seeds: () => [
    bytesOf(0),
    bytesOf(1, 1, 1),
    bytesOf(3, 2 ** 53 - 1, 2 ** 32 - 1, 2 ** 32, 0, 7, 128),
    bytesOf(2, 5, 1, 5, 2),
  ],
  generate: (random) => {
    const count = random.below(20);
    const numbers = Array.from({ length: count * 2 }, () => Math.floor(2 ** (random.fraction() * 33)));
    return bytesOf(count + random.pick([0, 0, 0, 1, -1]) * Number(count > 0), ...numbers);
  },
  decode: (input) => decodeStateVector(input),
  refusal: (error) => (error instanceof MalformedUpdateError ? error.code : null),
  check(vector, input) {
    assert.deepEqual(Y.decodeStateVector(input), vector, 'differs from what Yjs reads');
    const without = new Map([...vector].filter(([, clock]) => clock > 0));
    assert.deepEqual(decodeStateVector(encodeStateVector(vector)), without, 'is not read as it was written');
    return `${Math.min(vector.size, 4)} clients`;
  },
};
