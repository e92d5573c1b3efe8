import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as Y from 'yjs';
import { Broadcast } from '../../../../server/sync/room/broadcast.ts';
import { OutboxMemory } from '../../../../server/sync/session/outbox-memory.ts';
import { Outbox } from '../../../../server/sync/session/outbox.ts';
import { SyncStats } from '../../../../server/sync/stats.ts';
import { yWebsocketCodec as codec } from '../../../../server/sync/protocol/y-websocket-codec.ts';
import { FakeConnection } from '../../../support/fake-connection.ts';
import { encodeEntries } from '../../../support/frames.ts';
import { refused } from '../../../support/refused.ts';

const KIB = 1024;
const nobody = Uint8Array.of(0);

function slowOutbox(maxOutboxBytes = 1024 * KIB) {
  const connection = new FakeConnection();
  const stats = new SyncStats();
  const deps = { codec, stats, outboxMemory: new OutboxMemory(Infinity), limits: { maxOutboxBytes } };
  return { connection, stats, outbox: new Outbox({ end: () => {} }, connection, deps) };
}

/** One client's edits, each an update of its own. */
function edits(count: number): { doc: Y.Doc; updates: Uint8Array[] } {
  const doc = new Y.Doc();
  const updates: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => updates.push(update));
  for (let i = 0; i < count; i++) doc.getText().insert(i, String(i % 10));
  return { doc, updates };
}

const update = (bytes: Uint8Array) => new Broadcast(bytes, null);

test('fast readers get the same buffer, encoded once', () => {
  const outboxes = Array.from({ length: 3 }, () => slowOutbox());
  const broadcast = new Broadcast(edits(1).updates[0]!, nobody);
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

test('what a slow reader misses is gathered, and sent merged when it has caught up', () => {
  const { outbox, connection } = slowOutbox();
  const { doc, updates } = edits(20);
  connection.bufferedBytes = 64 * KIB;
  for (const each of updates) outbox.deliver(update(each));
  assert.equal(connection.writes.length, 0);
  connection.bufferedBytes = 0;
  outbox.flush(() => assert.fail('presence was not dropped'));
  const frames = connection.framesOf('update');
  assert.equal(frames.length, 1);
  const copy = new Y.Doc();
  Y.applyUpdate(copy, frames[0]!.update);
  assert.equal(copy.getText().toJSON(), doc.getText().toJSON());
});

test('I3: an update that comes while others are gathered waits behind them, though the socket has room again', () => {
  const { outbox, connection } = slowOutbox();
  const [first, second, third] = edits(3).updates;
  connection.bufferedBytes = 64 * KIB;
  outbox.deliver(update(first!));
  connection.bufferedBytes = 100;
  outbox.deliver(update(second!));
  assert.equal(connection.writes.length, 0);
  connection.bufferedBytes = 0;
  outbox.flush(() => null);
  outbox.deliver(update(third!));
  const copy = new Y.Doc();
  for (const frame of connection.framesOf('update')) Y.applyUpdate(copy, frame.update);
  assert.equal(copy.getText().toJSON(), '012');
  assert.equal(connection.writes.length, 2);
});

test('much that was gathered is sent as it is, in order, rather than merged for long', () => {
  const { outbox, connection } = slowOutbox();
  connection.bufferedBytes = 64 * KIB;
  const large = Array.from({ length: 3 }, (_, mark) => new Uint8Array(100 * KIB).fill(mark));
  for (const each of large) outbox.deliver(update(each));
  outbox.flush(() => null);
  assert.equal(connection.writes.length, 1);
  assert.deepEqual(
    connection.framesOf('update').map((frame) => frame.update[0]),
    [0, 1, 2],
  );
});

test('I7: a slow reader costs at most its bound', () => {
  const { outbox, connection } = slowOutbox(100);
  connection.bufferedBytes = 64 * KIB;
  outbox.deliver(update(new Uint8Array(60)));
  outbox.deliver(update(new Uint8Array(40)));
  assert.throws(() => outbox.deliver(update(new Uint8Array(1))), refused('too-slow'));
});

test('the bound counts what is gathered now, not what was sent before', () => {
  const { outbox, connection } = slowOutbox(100);
  for (let i = 0; i < 10; i++) {
    connection.bufferedBytes = 64 * KIB;
    outbox.deliver(update(new Uint8Array(100)));
    connection.bufferedBytes = 0;
    outbox.flush(() => null);
  }
  assert.equal(connection.writes.length, 10);
});

test('presence is the first to be dropped, counted, and sent whole afterwards', () => {
  const { outbox, connection, stats } = slowOutbox();
  connection.bufferedBytes = 64 * KIB;
  for (let i = 0; i < 5; i++) outbox.deliver(new Broadcast(null, nobody));
  assert.equal(stats.presenceDropped, 5);
  outbox.flush(() => codec.presence(Uint8Array.of(0)));
  assert.deepEqual(connection.frames, [{ type: 'awareness', entries: [] }]);
  outbox.flush(() => assert.fail('presence is asked for once'));
  assert.equal(connection.writes.length, 1);
});

test('after everybody has left nothing is sent in place of the presence that was dropped', () => {
  const { outbox, connection } = slowOutbox();
  connection.bufferedBytes = 64 * KIB;
  outbox.deliver(new Broadcast(null, nobody));
  outbox.flush(() => null);
  assert.equal(connection.writes.length, 0);
});

const gone = (client: number, clock: number) => ({ client, clock, state: null });

test('who has left while presence was dropped is named once it can be sent, the latest 200, with their clocks', () => {
  const { outbox, connection } = slowOutbox();
  connection.bufferedBytes = 64 * KIB;
  outbox.deliver(new Broadcast(null, encodeEntries([{ client: 1, clock: 1, state: '{}' }, gone(2, 7)])));
  outbox.deliver(new Broadcast(null, encodeEntries([gone(3, 4)])));
  outbox.flush((left) => {
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
  outbox.flush((left) => {
    assert.deepEqual(
      [...left.keys()],
      Array.from({ length: 200 }, (_, i) => 801 + i),
    );
    return null;
  });
});
