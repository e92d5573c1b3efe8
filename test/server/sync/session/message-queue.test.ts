import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MessageQueue } from '../../../../server/sync/session/message-queue.ts';
import { FakeConnection } from '../../../support/fake-connection.ts';
import { refused } from '../../../support/refused.ts';

test('messages come out as they came in, though the receiver writes over its buffer', () => {
  const queue = new MessageQueue(new FakeConnection(), 100);
  const buffer = Uint8Array.of(1);
  queue.push(buffer);
  buffer[0] = 2;
  queue.push(buffer);
  assert.equal(queue.length, 2);
  assert.deepEqual(queue.shift(), Uint8Array.of(1));
  assert.deepEqual(queue.shift(), Uint8Array.of(2));
  assert.equal(queue.shift(), undefined);
});

test('the connection is paused from the first message until the last one is taken', () => {
  const connection = new FakeConnection();
  const queue = new MessageQueue(connection, 100);
  assert.equal(connection.paused, false);
  queue.push(Uint8Array.of(1));
  queue.push(Uint8Array.of(2));
  assert.equal(connection.paused, true);
  queue.shift();
  assert.equal(connection.paused, true);
  queue.shift();
  assert.equal(connection.paused, false);
  queue.push(Uint8Array.of(3));
  assert.equal(connection.paused, true);
});

test('I7: what waits is bounded in bytes, and what was taken no longer counts', () => {
  const queue = new MessageQueue(new FakeConnection(), 10);
  for (let i = 0; i < 100; i++) {
    queue.push(new Uint8Array(10));
    queue.shift();
  }
  queue.push(new Uint8Array(6));
  queue.push(new Uint8Array(4));
  assert.throws(() => queue.push(new Uint8Array(1)), refused('limit-reached'));
});
