/** A codec is all that a further dialect needs: its clients share rooms with the clients of other dialects. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Codec } from '../../../../server/sync/protocol/codec.ts';
import { binaryFrame } from '../../../../server/sync/protocol/frame.ts';
import { yWebsocketCodec } from '../../../../server/sync/protocol/y-websocket.ts';
import { framePayloads } from '../../../support/fake-connection.ts';
import { decodeFrame, emptyStateVector, emptyUpdate, encodeFrame } from '../../../support/frames.ts';
import type { Frame } from '../../../support/frames.ts';
import { textFrom, Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';
import type { FakeClient } from '../../../support/sync-harness.ts';

/** A dialect whose messages are those of y-websocket behind this byte. */
const mark = 0xda;

function marked(frame: Uint8Array): Buffer {
  return binaryFrame(Uint8Array.of(mark), ...framePayloads(frame));
}

const markedCodec: Codec = {
  decode(data) {
    assert.equal(data[0], mark);
    return yWebsocketCodec.decode(data.subarray(1));
  },
  syncStep1: (stateVector) => marked(yWebsocketCodec.syncStep1(stateVector)),
  syncStep2: (update) => marked(yWebsocketCodec.syncStep2(update)),
  update: (update) => marked(yWebsocketCodec.update(update)),
  presence: (states) => marked(yWebsocketCodec.presence(states)),
  saved: (payload) => marked(yWebsocketCodec.saved(payload)),
  denied: (reason) => marked(yWebsocketCodec.denied(reason)),
};

function send(client: FakeClient, ...frames: Frame[]): void {
  for (const frame of frames) client.sendBytes(Uint8Array.of(mark, ...encodeFrame(frame)));
}

function framesOf({ connection }: FakeClient): Frame[] {
  return connection.writes.flatMap(framePayloads).map((payload) => {
    assert.equal(payload[0], mark);
    return decodeFrame(payload.subarray(1));
  });
}

function updatesOf(frames: readonly Frame[]): Uint8Array[] {
  return frames.flatMap((frame) => (frame.type === 'update' ? [frame.update] : []));
}

function clientsOf(frames: readonly Frame[]): number[] {
  return frames.flatMap((frame) => (frame.type === 'awareness' ? frame.entries.map(({ client }) => client) : []));
}

test('clients of two dialects edit one document, and see the presence of each other', async (t) => {
  const harness = new SyncHarness(t);
  const stock = await harness.synced();
  const other = await harness.live({ userId: 'bob', codec: markedCodec });
  const [ada, bob] = [new Typist(), new Typist()];
  send(
    other,
    { type: 'sync-step-1', stateVector: emptyStateVector },
    { type: 'sync-step-2', update: emptyUpdate },
    { type: 'awareness', entries: [{ client: 2, clock: 1, state: '{}' }] },
    { type: 'update', update: bob.type('marked ') },
    { type: 'probe', payload: Uint8Array.of(7) },
  );
  await harness.settle();
  stock.edit(ada.type('stock'));
  stock.send({ type: 'awareness', entries: [{ client: 1, clock: 1, state: '{}' }] });
  harness.log.commit('doc');
  await harness.settle();

  const [stockFrames, otherFrames] = [stock.take(), framesOf(other)];
  assert.match(textFrom(...updatesOf(stockFrames)), /^(marked stock|stockmarked )$/);
  assert.equal(textFrom(...updatesOf(otherFrames)), textFrom(...updatesOf(stockFrames)));
  assert.ok(clientsOf(stockFrames).includes(2));
  assert.ok(clientsOf(otherFrames).includes(1));
  assert.ok(otherFrames.some((frame) => frame.type === 'probe' && frame.payload[0] === 7));
});
