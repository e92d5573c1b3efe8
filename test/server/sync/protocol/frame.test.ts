import assert from 'node:assert/strict';
import type { Writable } from 'node:stream';
import { test } from 'node:test';
import * as ws from 'ws';
import { binaryFrame } from '../../../../server/sync/protocol/frame.ts';
import { framePayloads } from '../../../support/fake-connection.ts';

/** Exported by `ws`, but missing in its types. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable };

/** The messages that the receiver of a `ws` client decodes from these bytes. */
function received(bytes: Uint8Array): Buffer[] {
  const receiver = new Receiver({ isServer: false, binaryType: 'nodebuffer', allowSynchronousEvents: true });
  const messages: Buffer[] = [];
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    assert.equal(isBinary, true);
    messages.push(data);
  });
  receiver.on('error', (error: Error) => assert.fail(error));
  receiver.write(bytes);
  return messages;
}

for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000]) {
  test(`the receiver of ws decodes a frame of ${length} bytes`, () => {
    const payload = Buffer.alloc(length, 7);
    const frame = binaryFrame(payload.subarray(0, 1), payload.subarray(1));
    assert.deepEqual(received(frame), [payload]);
    assert.deepEqual(framePayloads(frame).map(Buffer.from), [payload]);
  });
}

test('frames in one write are separate messages', () => {
  const payloads = [Buffer.alloc(3, 1), Buffer.alloc(200, 2), Buffer.alloc(70_000, 3)];
  const bytes = Buffer.concat(payloads.map((payload) => binaryFrame(payload)));
  assert.deepEqual(received(bytes), payloads);
});

test('a frame holds a copy of its parts, so their buffers may be overwritten', () => {
  const part = Uint8Array.of(1, 2, 3);
  const frame = binaryFrame(part);
  part.fill(0);
  assert.deepEqual([...frame.subarray(2)], [1, 2, 3]);
});
