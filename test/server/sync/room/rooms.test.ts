import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CorruptDocumentError } from '../../../../persistence/errors.ts';
import { Rooms } from '../../../../server/sync/room/rooms.ts';
import { SyncStats } from '../../../../server/sync/stats.ts';
import { FakeLog } from '../../../support/fake-log.ts';
import { FakeOffload } from '../../../support/fake-offload.ts';
import { textFrom, Typist } from '../../../support/shared-text.ts';
import { refused } from '../../../support/refused.ts';
import { storedSnapshot } from '../../../support/stored-snapshot.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';

const idleMs = 30_000;

test('all clients that connect while a document loads get the same room, loaded once', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.opening.close();
  const asked = [harness.rooms.get('doc'), harness.rooms.get('doc'), harness.rooms.get('doc')];
  harness.log.opening.open();
  const rooms = await Promise.all(asked);
  assert.equal(new Set([...rooms, await harness.rooms.get('doc')]).size, 1);
  assert.equal(harness.log.opens, 1);
  assert.notEqual(await harness.rooms.get('other'), rooms[0]);
  assert.equal(harness.stats.roomsLoaded, 2);
});

test('a failed load fails for all clients that wait, and the next client tries again', async (t) => {
  const harness = new SyncHarness(t);
  harness.log.openError = new CorruptDocumentError('doc', 'damaged');
  const asked = [harness.rooms.get('doc'), harness.rooms.get('doc')];
  for (const room of asked) await assert.rejects(room, CorruptDocumentError);
  assert.equal(harness.stats.loadsFailed, 1);
  assert.equal(harness.rooms.size, 0);
  harness.log.openError = null;
  await harness.rooms.get('doc');
});

test('a room without sessions is unloaded after the idle timeout, and loaded again for the next client', async (t) => {
  const harness = new SyncHarness(t);
  const typist = new Typist();
  const client = await harness.synced();
  client.edit(typist.type('kept'));
  harness.log.commit('doc');
  harness.sweepAfter(10 * idleMs);
  assert.equal(harness.rooms.size, 1);
  client.vanish();
  harness.sweepAfter(1_000);
  harness.sweepAfter(idleMs - 1);
  await harness.settle();
  assert.equal(harness.stats.roomsUnloaded, 0);
  harness.sweepAfter(1);
  await harness.settle();
  assert.equal(harness.rooms.size, 0);
  assert.equal(harness.stats.roomsUnloaded, 1);
  const next = await harness.live();
  next.send({ type: 'sync-step-1', stateVector: Uint8Array.of(0) });
  await harness.settle();
  assert.equal(textFrom(next.takeOf('sync-step-2')[0]!.update), 'kept');
});

test('a client that connects just before the idle timeout keeps the room loaded', async (t) => {
  const harness = new SyncHarness(t);
  (await harness.live()).vanish();
  harness.sweepAfter(0);
  harness.sweepAfter(idleMs - 1);
  const client = await harness.live();
  harness.sweepAfter(10 * idleMs);
  await harness.settle();
  assert.equal(harness.log.opens, 1);
  assert.equal(harness.rooms.peers, 1);
  client.vanish();
  harness.sweepAfter(0);
  harness.sweepAfter(idleMs - 1);
  await harness.settle();
  assert.equal(harness.stats.roomsUnloaded, 0, 'the idle time starts again');
});

test('a short visit between two sweeps restarts the idle time', async (t) => {
  const harness = new SyncHarness(t);
  (await harness.live()).vanish();
  harness.sweepAfter(0);
  harness.sweepAfter(idleMs - 1);
  (await harness.live()).vanish();
  harness.sweepAfter(1);
  await harness.settle();
  assert.equal(harness.stats.roomsUnloaded, 0);
  harness.sweepAfter(idleMs);
  await harness.settle();
  assert.equal(harness.stats.roomsUnloaded, 1);
});

test('I1: no room is unloaded with appends in flight', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  client.edit(new Typist().type('x'));
  client.vanish();
  for (let i = 0; i < 5; i++) harness.sweepAfter(idleMs);
  await harness.settle();
  assert.equal(harness.rooms.size, 1);
  harness.log.commit('doc');
  harness.sweepAfter(1_000);
  harness.sweepAfter(idleMs);
  await harness.settle();
  assert.equal(harness.rooms.size, 0);
});

test('no room is unloaded during a join that is still reading', async (t) => {
  const harness = new SyncHarness(t);
  const typist = new Typist();
  harness.log.store('doc', [], storedSnapshot([typist.type('x')], 1));
  const client = await harness.live();
  harness.log.reading.close();
  client.send({ type: 'sync-step-1', stateVector: Uint8Array.of(0) });
  await harness.settle();
  client.vanish();
  harness.sweepAfter(idleMs);
  harness.sweepAfter(idleMs);
  await harness.settle();
  assert.equal(harness.rooms.size, 1);
  harness.log.reading.open();
  await harness.settle();
  assert.equal(harness.log.pins, 0);
  harness.sweepAfter(0);
  harness.sweepAfter(idleMs);
  await harness.settle();
  assert.equal(harness.rooms.size, 0);
});

test('a document is reopened only after the log has closed it', async (t) => {
  const harness = new SyncHarness(t);
  (await harness.live()).vanish();
  harness.log.closing.close();
  harness.sweepAfter(0);
  harness.sweepAfter(idleMs);
  const client = harness.connect();
  await harness.settle();
  assert.equal(client.live, false);
  assert.equal(harness.log.opens, 1);
  harness.log.closing.open();
  await harness.settle();
  assert.equal(client.live, true);
  assert.equal(harness.log.opens, 2);
});

test('after a failed write the next client gets a new room, loaded from the stored edits', async (t) => {
  const harness = new SyncHarness(t);
  const typist = new Typist();
  const clients = [await harness.synced(), await harness.synced({ userId: 'bob' })];
  clients[0]!.edit(typist.type('stored'));
  harness.log.commit('doc');
  clients[0]!.edit(typist.type(' lost'));
  harness.log.fail('doc');
  assert.deepEqual(
    clients.map((client) => client.closeCode),
    [4503, 4503],
  );
  assert.deepEqual(harness.roomFailures, ['doc']);
  const back = await harness.live();
  back.answer(typist.answerTo(back.takeOf('sync-step-1')[0]!.stateVector));
  back.probe(1);
  harness.log.commit('doc');
  assert.deepEqual(back.savedMarks, [1]);
  assert.equal(textFrom(...harness.log.document('doc').entries.map((entry) => entry.update)), 'stored lost');
});

test('when entries are set aside, clients reconnect to a room without them', async (t) => {
  const harness = new SyncHarness(t);
  const [good, poison] = [new Typist().type('good'), new Typist().type('poison')];
  harness.log.store('doc', [good, poison]);
  const client = await harness.synced();
  harness.log.compact('doc', storedSnapshot([good], 2), [2]);
  assert.equal(client.closeCode, 4503);
  const back = await harness.live();
  back.send({ type: 'sync-step-1', stateVector: Uint8Array.of(0) });
  await harness.settle();
  const updates = back.take().flatMap((frame) => ('update' in frame ? [frame.update] : []));
  assert.equal(textFrom(...updates), 'good');
});

test('a write that fails in the turn in which a document is loaded leaves no dead room behind', async (t) => {
  const harness = new SyncHarness(t);
  const asked = harness.rooms.get('doc');
  // The log is open, but `Rooms` does not know yet that the room is loaded.
  while (harness.log.document('doc').handle === null) await Promise.resolve();
  harness.log.fail('doc');
  await asked.catch(() => {});
  const client = await harness.synced();
  client.edit(new Typist().type('x'));
  assert.equal(client.closeCode, null);
  assert.equal(harness.log.pending('doc').length, 1);
});

test('I6: a long tail is read in several turns of the event loop, and its large updates in a worker', async (t) => {
  const harness = new SyncHarness(t);
  const typist = new Typist();
  typist.type('x'.repeat(1_100 * 1024));
  for (let i = 0; i < 8; i++) typist.type(String(i).repeat(600 * 1024));
  harness.log.store('doc', typist.updates);
  const loaded = harness.rooms.get('doc');
  const isLoaded = loaded.then(() => true);
  let turns = 0;
  while (turns < 100 && !(await Promise.race([isLoaded, nextTurn(false)]))) turns++;
  assert.ok(turns >= 4, `${turns} turns`);
  assert.deepEqual(harness.offload.calls, ['scan']);
  assert.equal((await loaded).durableSeq, typist.updates.length);
});

test('shutting down ends sessions with 1012, commits accepted edits, and admits no client', async (t) => {
  const harness = new SyncHarness(t);
  const [client, other] = [await harness.synced(), await harness.synced({ docId: 'other' })];
  client.edit(new Typist().type('x'));
  harness.log.opening.close();
  const loading = harness.connect({ docId: 'third' });
  await nextTurn();
  harness.log.closing.close();
  const closed = [harness.rooms.close(), harness.rooms.close()];
  assert.equal(closed[0], closed[1]);
  assert.deepEqual([client.closeCode, other.closeCode], [1012, 1012]);
  await assert.rejects(harness.rooms.get('doc'), refused('shutting-down'));
  const late = harness.connect();
  harness.log.opening.open();
  await harness.settle();
  assert.deepEqual([late.closeCode, loading.closeCode], [1012, 1012]);
  assert.equal(harness.log.document('doc').entries.length, 1);
  assert.notEqual(harness.log.document('other').handle, null);
  harness.log.closing.open();
  await Promise.all(closed);
  assert.equal(harness.rooms.size, 0);
  for (const docId of ['doc', 'other', 'third']) assert.equal(harness.log.document(docId).handle, null);
});

test('I7: 1,000 open documents are all closed', async (t) => {
  const harness = new SyncHarness(t);
  for (let i = 0; i < 1_000; i++) harness.connect({ docId: `doc ${i}` });
  await harness.settle();
  assert.equal(harness.rooms.peers, 1_000);
  assert.equal(harness.rooms.size, 1_000);
  await harness.rooms.close();
  assert.equal(harness.rooms.peers, 0);
  assert.equal(harness.rooms.size, 0);
});

test('I6: an error in the sweep of a room ends only that room', async (t) => {
  const harness = new SyncHarness(t);
  const [broken, other] = [await harness.synced({ docId: 'broken' }), await harness.synced({ docId: 'other' })];
  const room = await harness.rooms.get('broken');
  t.mock.method(room.joinCache, 'sweep', () => {
    throw new Error('broken');
  });
  const before = other.connection.writes.length;
  harness.sweepAfter(60_000);
  await harness.settle();
  assert.deepEqual(harness.roomFailures, ['broken']);
  assert.deepEqual(
    broken.refusals.map(({ code }) => code),
    ['internal'],
  );
  assert.deepEqual(other.refusals, []);
  assert.ok(other.connection.writes.length > before, 'the other session is kept alive');
  assert.notEqual(await harness.rooms.get('broken'), room);
});

test('I6: an error in the sweep of a session ends only that session', async (t) => {
  const harness = new SyncHarness(t);
  const [broken, other] = [await harness.synced(), await harness.synced()];
  t.mock.method(broken.connection, 'write', () => {
    throw new Error('broken');
  });
  const before = other.connection.writes.length;
  harness.sweepAfter(60_000);
  assert.deepEqual(
    broken.refusals.map(({ code }) => code),
    ['internal'],
  );
  assert.deepEqual([other.refusals, harness.roomFailures], [[], []]);
  assert.ok(other.connection.writes.length > before, 'the other session is kept alive');
});

test('rooms are swept once a second from `start` until `close`', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let nowMs = 0;
  const rooms = new Rooms({
    log: new FakeLog(),
    isTransient: () => false,
    offload: new FakeOffload(),
    stats: new SyncStats(),
    idleRoomTimeoutMs: Infinity,
    limits: { maxDocumentBytes: Infinity, maxRoomMemoryBytes: Infinity },
    roomFailed: () => assert.fail(),
    now: () => nowMs,
  });
  const pass = (): number => {
    nowMs += 1_000;
    t.mock.timers.tick(1_000);
    return rooms.coarseNowMs;
  };
  assert.equal(pass(), 0, 'the constructor starts no timer');
  rooms.start();
  assert.deepEqual([pass(), pass()], [2_000, 3_000]);
  await rooms.close();
  assert.equal(pass(), 3_000);
});
