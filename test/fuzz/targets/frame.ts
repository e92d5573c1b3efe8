import { createDecoder, hasContent, readVarUint, readVarUint8Array } from 'lib0/decoding';
import assert from 'node:assert/strict';
import { RefusedError } from '../../../server/errors.ts';
import type { ClientMessage } from '../../../server/sync/protocol/codec.ts';
import { yWebsocketCodec } from '../../../server/sync/protocol/y-websocket.ts';
import { emptyUpdate, encodeFrame } from '../../support/frames.ts';
import { bytesOf } from '../../support/update-bytes.ts';
import type { FuzzTarget } from '../target.ts';

/** Messages of y-websocket. The server decodes them as lib0 does, and clients can decode the server's messages. */
export const frameTarget: FuzzTarget<ClientMessage> = {
  seeds: () => [
    encodeFrame({ type: 'sync-step-1', stateVector: bytesOf(1, 2 ** 32 - 1, 5) }),
    encodeFrame({ type: 'sync-step-2', update: emptyUpdate }),
    encodeFrame({ type: 'update', update: new Uint8Array(300) }),
    encodeFrame({ type: 'awareness', entries: [{ client: 1, clock: 1, state: '{}' }] }),
    encodeFrame({ type: 'query-awareness' }),
    encodeFrame({ type: 'probe', payload: Uint8Array.of(1, 2) }),
    // A length in more bytes than necessary, and one that no message has.
    Uint8Array.of(0, 2, 0x82, 0x80, 0x00, 0, 0),
    Uint8Array.of(0, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f),
  ],
  // Sizes where the length takes another byte, in the message or in the frame around it.
  generate(random) {
    const payload = new Uint8Array(random.pick([0, 100, 16_380, 65_520]) + random.below(30));
    return encodeFrame(
      random.pick([
        { type: 'update', update: payload },
        { type: 'probe', payload },
      ] as const),
    );
  },
  decode: (input) => yWebsocketCodec.decode(input),
  refusal: (error) =>
    error instanceof RefusedError && error.code === 'malformed' ? error.message.replace(/\d+/, '') : null,
  check(message, input) {
    assert.deepEqual(readByLib0(input), message, 'differs from what lib0 reads');
    assert.deepEqual(yWebsocketCodec.decode(encoded(message)), message, 'is not read as it was written');
    return message.type;
  },
};

/** The message as a client encodes it. Uses the codec of the server for messages that both sides send. */
function encoded(message: ClientMessage): Uint8Array {
  switch (message.type) {
    case 'sync-step-1':
      return payloadOf(yWebsocketCodec.syncStep1(message.stateVector));
    case 'update':
      return payloadOf(
        message.answer ? yWebsocketCodec.syncStep2(message.update) : yWebsocketCodec.update(message.update),
      );
    case 'presence':
      return payloadOf(yWebsocketCodec.presence(message.states));
    case 'probe':
      return payloadOf(yWebsocketCodec.saved(message.payload));
    case 'query-presence':
      break;
  }
  return encodeFrame({ type: 'query-awareness' });
}

/** The payload of a complete, unmasked WebSocket frame. */
function payloadOf(frame: Buffer): Uint8Array {
  assert.equal(frame[0], 0x82);
  const short = frame[1] ?? 0;
  const [length, head] =
    short < 126 ? [short, 2] : short === 126 ? [frame.readUInt16BE(2), 4] : [Number(frame.readBigUInt64BE(2)), 10];
  assert.equal(frame.length, head + length, 'the length of the frame');
  return new Uint8Array(frame.subarray(head));
}

/** The message as lib0 decodes it. */
function readByLib0(input: Uint8Array): ClientMessage | null {
  const decoder = createDecoder(input);
  const type = readVarUint(decoder);
  const sync = type === 0 ? readVarUint(decoder) : null;
  const bytes = type === 3 ? null : readVarUint8Array(decoder);
  assert.ok(!hasContent(decoder), 'bytes after the message');
  if (bytes === null) return { type: 'query-presence' };
  if (type === 1) return { type: 'presence', states: bytes };
  if (type === 102) return { type: 'probe', payload: bytes };
  if (sync === 0) return { type: 'sync-step-1', stateVector: bytes };
  return sync === 1 || sync === 2 ? { type: 'update', update: bytes, answer: sync === 1 } : null;
}
