import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageQueue } from '../../../../server/sync/session/message-queue.ts';
import { refused } from '../../../support/refused.ts';

test('messages come out in order, and are copies of the buffer that the receiver overwrites', () => {
  const queue = new MessageQueue(100);
  const buffer = Uint8Array.of(1);
  queue.push(buffer);
  buffer[0] = 2;
  queue.push(buffer);
  assert.equal(queue.length, 2);
  assert.deepEqual(queue.shift(), Uint8Array.of(1));
  assert.deepEqual(queue.shift(), Uint8Array.of(2));
  assert.equal(queue.shift(), undefined);
});

test('I7: the queue is bounded in bytes, and a message that was taken no longer counts', () => {
  const queue = new MessageQueue(10);
  for (let i = 0; i < 100; i++) {
    queue.push(new Uint8Array(10));
    queue.shift();
  }
  queue.push(new Uint8Array(6));
  queue.push(new Uint8Array(4));
  assert.throws(() => queue.push(new Uint8Array(1)), refused('limit-reached'));
});
