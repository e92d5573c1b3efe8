import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closeReason } from '../../../../server/errors.ts';
import type { RefusedError } from '../../../../server/errors.ts';
import { yWebsocketCodec as codec } from '../../../../server/sync/protocol/y-websocket.ts';
import { decodeWrite } from '../../../support/fake-connection.ts';
import { encodeFrame } from '../../../support/frames.ts';
import type { Frame } from '../../../support/frames.ts';
import { malformed } from '../../../support/refused.ts';

const bytes = Uint8Array.of(1, 2, 3);
const long = new Uint8Array(70_000).fill(9);

test('all messages of a client are decoded', () => {
  const presence: Frame = { type: 'awareness', entries: [{ client: 7, clock: 1, state: '{}' }] };
  const states = encodeFrame(presence).subarray(2);
  for (const payload of [new Uint8Array(0), bytes, long]) {
    const cases: [Frame, unknown][] = [
      [
        { type: 'sync-step-1', stateVector: payload },
        { type: 'sync-step-1', stateVector: payload },
      ],
      [
        { type: 'sync-step-2', update: payload },
        { type: 'update', update: payload, answer: true },
      ],
      [
        { type: 'update', update: payload },
        { type: 'update', update: payload, answer: false },
      ],
      [presence, { type: 'presence', states }],
      [{ type: 'query-awareness' }, { type: 'query-presence' }],
      [
        { type: 'probe', payload },
        { type: 'probe', payload },
      ],
    ];
    for (const [frame, message] of cases) assert.deepEqual(codec.decode(encodeFrame(frame)), message);
  }
});

test('a client decodes all messages of the server', () => {
  for (const payload of [new Uint8Array(0), bytes, long]) {
    assert.deepEqual(decodeWrite(codec.syncStep1(payload)), [{ type: 'sync-step-1', stateVector: payload }]);
    assert.deepEqual(decodeWrite(codec.syncStep2(payload)), [{ type: 'sync-step-2', update: payload }]);
    assert.deepEqual(decodeWrite(codec.update(payload)), [{ type: 'update', update: payload }]);
    assert.deepEqual(decodeWrite(codec.saved(payload)), [{ type: 'probe', payload }]);
  }
  const noPresence = Uint8Array.of(0);
  assert.deepEqual(decodeWrite(codec.presence(noPresence)), [{ type: 'awareness', entries: [] }]);
  assert.deepEqual(decodeWrite(codec.denied('nur lesen – gelesen')), [
    { type: 'denied', reason: 'nur lesen – gelesen' },
  ]);
});

const malformedMessages: Record<string, number[]> = {
  'an empty message': [],
  'an unknown type': [4],
  'a type that only the server may send': [2, 0, 1, 65],
  'an unknown type of two bytes': [0xe7, 0x01, 0],
  'a type that never ends': [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
  'sync without a subtype': [0],
  'sync of an unknown subtype': [0, 3, 0],
  'SyncStep1 without a state vector': [0, 0],
  'SyncStep2 that ends early': [0, 1, 3, 1, 2],
  'an update that is shorter than its length': [0, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
  'an update with an extra byte': [0, 2, 2, 0, 0, 0],
  'two messages in one frame': [3, 3],
  'presence without a length': [1],
  'presence that ends early': [1, 2, 0],
  'presence with an extra byte': [1, 1, 0, 0],
  'a query with a payload': [3, 0],
  'a probe without a payload': [102],
  'a probe that ends early': [102, 2, 1],
  'a probe with an extra byte': [102, 0, 0],
};

for (const [name, message] of Object.entries(malformedMessages)) {
  test(`${name} is refused as malformed, with close code 4400`, () => {
    assert.throws(
      () => codec.decode(Uint8Array.from(message)),
      (error) => {
        assert.ok(malformed(error));
        const { code, message: reason } = error as RefusedError;
        return closeReason(code, reason).code === 4400;
      },
    );
  });
}
