import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { Broadcast } from '../../../../server/sync/room/broadcast.ts';
import { OutboxMemory } from '../../../../server/sync/session/outbox-memory.ts';
import { Outbox } from '../../../../server/sync/session/outbox.ts';
import { SyncStats } from '../../../../server/sync/stats.ts';
import { yWebsocketCodec as codec } from '../../../../server/sync/protocol/y-websocket.ts';
import { FakeConnection } from '../../../support/fake-connection.ts';
import { encodeEntries } from '../../../support/frames.ts';
import { refused } from '../../../support/refused.ts';

const kib = 1024;
const noPresence = Uint8Array.of(0);

function slowOutbox(maxOutboxBytes = 1024 * kib) {
  const connection = new FakeConnection();
  const stats = new SyncStats();
  const outboxMemory = new OutboxMemory(Infinity);
  const rooms = { coarseNowMs: 0 };
  const deps = { codec, stats, rooms, outboxMemory, limits: { maxOutboxBytes } };
  return { connection, stats, outboxMemory, outbox: new Outbox({ end: () => {} }, connection, deps) };
}

/** The edits of one client, each as one update. */
function edits(count: number): { doc: Y.Doc; updates: Uint8Array[] } {
  const doc = new Y.Doc();
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => updates.push(update));
  for (let i = 0; i < count; i++) doc.getText().insert(i, String(i % 10));
  return { doc, updates };
}

const update = (bytes: Uint8Array) => new Broadcast(bytes, null);

test('fast readers get the same buffer, which is encoded once', () => {
  const outboxes = Array.from({ length: 3 }, () => slowOutbox());
  const broadcast = new Broadcast(edits(1).updates[0]!, noPresence);
  for (const { outbox } of outboxes) outbox.deliver(broadcast);
  const [first] = outboxes[0]!.connection.writes;
  for (const { connection, stats } of outboxes) {
    assert.equal(connection.writes.length, 1);
    assert.equal(connection.writes[0], first);
    assert.deepEqual(
      connection.frames.map((frame) => frame.type),
      ['update', 'awareness'],
    );
    assert.equal(stats.deliveries, 1);
  }
});

test('the updates that a slow reader misses are merged, and sent when it has caught up', () => {
  const { outbox, connection } = slowOutbox();
  const { doc, updates } = edits(20);
  connection.bufferedBytes = 64 * kib;
  for (const each of updates) outbox.deliver(update(each));
  assert.equal(connection.writes.length, 0);
  connection.bufferedBytes = 0;
  outbox.drained(() => assert.fail('presence was not dropped'));
  const frames = connection.framesOf('update');
  assert.equal(frames.length, 1);
  const copy = new Y.Doc();
  Y.applyUpdate(copy, frames[0]!.update);
  assert.equal(copy.getText().toJSON(), doc.getText().toJSON());
});

test('I3: an update waits behind those that wait already, even if the socket has room again', () => {
  const { outbox, connection } = slowOutbox();
  const [first, second, third] = edits(3).updates;
  connection.bufferedBytes = 64 * kib;
  outbox.deliver(update(first!));
  connection.bufferedBytes = 100;
  outbox.deliver(update(second!));
  assert.equal(connection.writes.length, 0);
  connection.bufferedBytes = 0;
  outbox.drained(() => null);
  outbox.deliver(update(third!));
  const copy = new Y.Doc();
  for (const frame of connection.framesOf('update')) Y.applyUpdate(copy, frame.update);
  assert.equal(copy.getText().toJSON(), '012');
  assert.equal(connection.writes.length, 2);
});

test('updates that would take long to merge are sent one by one, in order', () => {
  const { outbox, connection } = slowOutbox();
  connection.bufferedBytes = 64 * kib;
  const large = Array.from({ length: 3 }, (_, mark) => new Uint8Array(100 * kib).fill(mark));
  for (const each of large) outbox.deliver(update(each));
  outbox.drained(() => null);
  assert.equal(connection.writes.length, 1);
  assert.deepEqual(
    connection.framesOf('update').map((frame) => frame.update[0]),
    [0, 1, 2],
  );
});

test('I7: the updates that wait for a slow reader are bounded', () => {
  const { outbox, connection } = slowOutbox(100);
  connection.bufferedBytes = 64 * kib;
  outbox.deliver(update(new Uint8Array(60)));
  outbox.deliver(update(new Uint8Array(40)));
  assert.throws(() => outbox.deliver(update(new Uint8Array(1))), refused('too-slow'));
});

test('I7: an outbox that reaches its bound gives back as many bytes as it has counted', () => {
  const { outbox, connection, outboxMemory } = slowOutbox(100);
  connection.bufferedBytes = 64 * kib;
  outbox.deliver(update(new Uint8Array(60)));
  assert.throws(() => outbox.deliver(update(new Uint8Array(41))), refused('too-slow'));
  assert.equal(outboxMemory.bytes, 60);
  outbox.close();
  assert.equal(outboxMemory.bytes, 0);
});

test('the bound does not count updates that were sent', () => {
  const { outbox, connection } = slowOutbox(100);
  for (let i = 0; i < 10; i++) {
    connection.bufferedBytes = 64 * kib;
    outbox.deliver(update(new Uint8Array(100)));
    connection.bufferedBytes = 0;
    outbox.drained(() => null);
  }
  assert.equal(connection.writes.length, 10);
});

test('presence for a slow reader is dropped, counted, and sent whole afterwards', () => {
  const { outbox, connection, stats } = slowOutbox();
  connection.bufferedBytes = 64 * kib;
  for (let i = 0; i < 5; i++) outbox.deliver(new Broadcast(null, noPresence));
  assert.equal(stats.presenceDropped, 5);
  outbox.drained(() => codec.presence(Uint8Array.of(0)));
  assert.deepEqual(connection.frames, [{ type: 'awareness', entries: [] }]);
  outbox.drained(() => assert.fail('presence was sent already'));
  assert.equal(connection.writes.length, 1);
});

test('nothing replaces the dropped presence if all clients have left', () => {
  const { outbox, connection } = slowOutbox();
  connection.bufferedBytes = 64 * kib;
  outbox.deliver(new Broadcast(null, noPresence));
  outbox.drained(() => null);
  assert.equal(connection.writes.length, 0);
});

const gone = (client: number, clock: number) => ({ client, clock, state: null });

test('the latest 200 clients that left in dropped presence are reported afterwards, with their clocks', () => {
  const { outbox, connection } = slowOutbox();
  connection.bufferedBytes = 64 * kib;
  outbox.deliver(new Broadcast(null, encodeEntries([{ client: 1, clock: 1, state: '{}' }, gone(2, 7)])));
  outbox.deliver(new Broadcast(null, encodeEntries([gone(3, 4)])));
  outbox.drained((left) => {
    assert.deepEqual(
      [...left],
      [
        [2, 7],
        [3, 4],
      ],
    );
    return null;
  });
  for (let client = 1; client <= 1_000; client++) outbox.deliver(new Broadcast(null, encodeEntries([gone(client, 1)])));
  outbox.drained((left) => {
    assert.deepEqual(
      [...left.keys()],
      Array.from({ length: 200 }, (_, i) => 801 + i),
    );
    return null;
  });
});
