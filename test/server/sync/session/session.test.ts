import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorruptDocumentError, LogError } from '../../../../persistence/errors.ts';
import { RefusedError } from '../../../../server/errors.ts';
import { emptyStateVector } from '../../../support/frames.ts';
import { textFrom, Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';

const KIB = 1024;
const typesOf = (frames: readonly { type: string }[]) => frames.map((frame) => frame.type);

test('the server asks first, then says who is here', async (t) => {
  const harness = new SyncHarness(t);
  const ada = await harness.live();
  assert.deepEqual(typesOf(ada.take()), ['sync-step-1']);
  ada.send({ type: 'awareness', entries: [{ client: 1, clock: 1, state: '{}' }] });
  await harness.settle();
  const bob = await harness.live({ userId: 'bob' });
  assert.deepEqual(typesOf(bob.take()), ['sync-step-1', 'awareness']);
});

test('what a session begins with is written together', async (t) => {
  const harness = new SyncHarness(t);
  const client = harness.connect();
  client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
  await harness.settle();
  assert.equal(client.connection.corkedAt, 0);
  assert.deepEqual(typesOf(client.take()), ['sync-step-1', 'sync-step-2']);
});

test('nothing is sent before the document is loaded, and what came meanwhile is handled in order', async (t) => {
  const harness = new SyncHarness(t);
  const typist = new Typist();
  harness.log.store('doc', [typist.type('stored ')]);
  harness.log.opening.close();
  const client = harness.connect();
  client.authorizing.close();
  client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
  await harness.settle();
  client.authorizing.open();
  client.answer(typist.type('while loading'));
  await harness.settle();
  assert.equal(client.live, false);
  assert.deepEqual(client.take(), []);
  assert.equal(client.connection.paused, true);
  harness.log.opening.open();
  await harness.settle();
  assert.equal(client.live, true);
  assert.equal(client.connection.paused, false);
  assert.deepEqual(typesOf(client.take()), ['sync-step-1', 'sync-step-2']);
  assert.equal(harness.log.pending('doc').length, 1);
});

test('a malformed message that waited ends the session when its turn comes, and nothing after it is taken', async (t) => {
  const harness = new SyncHarness(t);
  const client = harness.connect();
  client.sendBytes(Uint8Array.of(77));
  client.edit(new Typist().type('never'));
  await harness.settle();
  assert.equal(client.closeCode, 4400);
  assert.equal(harness.log.pending('doc').length, 0);
  assert.equal(harness.rooms.peers, 0);
});

for (const [code, closeCode] of [
  ['unauthorized', 4401],
  ['forbidden', 4403],
  ['overloaded', 1013],
] as const) {
  test(`who is refused as ${code} is told by close code ${closeCode}, and no document is opened`, async (t) => {
    const harness = new SyncHarness(t);
    const client = harness.connect();
    client.authorizeError = new RefusedError(code);
    client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
    await harness.settle();
    assert.equal(client.closeCode, closeCode);
    assert.deepEqual(
      client.refusals.map((refusal) => refusal.code),
      [code],
    );
    assert.equal(harness.log.opens, 0);
  });
}

for (const [name, error, closeCode] of [
  ['storage is being reopened', new LogError('LOG_REOPENING', 'x'), 4503],
  ['the document is damaged', new CorruptDocumentError('doc', 'x'), 4503],
  ['something unknown happens', new Error('secret'), 1011],
] as const) {
  test(`a document that cannot be loaded is never served as empty: ${closeCode} if ${name}`, async (t) => {
    const harness = new SyncHarness(t);
    harness.log.openError = error;
    const client = harness.connect();
    client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
    client.edit(new Typist().type('x'));
    await harness.settle();
    assert.equal(client.closeCode, closeCode);
    assert.deepEqual(client.connection.frames, []);
    assert.doesNotMatch(client.connection.closedWith!.reason, /secret/);
    harness.log.openError = null;
    assert.equal((await harness.live()).live, true);
  });
}

test('a socket that goes away is let go in every state', async (t) => {
  const harness = new SyncHarness(t);
  const authenticating = harness.connect();
  authenticating.authorizing.close();
  await harness.settle();
  authenticating.vanish();
  authenticating.authorizing.open();
  await harness.settle();
  assert.equal(harness.log.opens, 0);

  harness.log.opening.close();
  const loading = harness.connect();
  await harness.settle();
  loading.vanish();
  harness.log.opening.open();
  await harness.settle();
  assert.equal(loading.live, false);
  assert.equal(harness.rooms.peers, 0);

  const live = await harness.live();
  assert.equal(harness.rooms.peers, 1);
  live.vanish();
  live.vanish();
  assert.equal(harness.rooms.peers, 0);
  for (const client of [authenticating, loading, live]) {
    assert.equal(client.closeCode, null);
    assert.deepEqual(client.refusals, []);
  }
});

test('a session that is ended is closed once, counted once, and hears nothing any more', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.live();
  client.sendBytes(Uint8Array.of(77));
  const { length } = client.connection.writes;
  client.sendBytes(Uint8Array.of(77));
  client.send({ type: 'query-awareness' });
  client.vanish();
  harness.sweepAfter(20_000);
  await harness.settle();
  assert.equal(client.refusals.length, 1);
  assert.equal(harness.stats.sessionsEnded.get('malformed'), 1);
  assert.equal(client.connection.writes.length, length);
});

test('an update that Yjs could not read ends the session with 4400 and touches nobody else', async (t) => {
  const harness = new SyncHarness(t);
  const other = await harness.synced({ userId: 'bob' });
  const client = await harness.synced();
  client.edit(Uint8Array.of(1, 0xff, 0xff, 0x7f, 1, 0));
  assert.equal(client.closeCode, 4400);
  assert.match(client.connection.closedWith!.reason, /malformed update/);
  await harness.settle();
  assert.equal(other.closeCode, null);
  assert.equal(harness.log.pending('doc').length, 0);
});

test('a malformed state vector ends the session with 4400', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.live();
  client.send({ type: 'sync-step-1', stateVector: Uint8Array.of(200, 1, 1) });
  await harness.settle();
  assert.equal(client.closeCode, 4400);
  assert.equal(harness.log.pins, 0);
});

test('an edit that the log does not take ends its session with 4503', async (t) => {
  for (const code of ['LOG_READ_ONLY', 'LOG_REOPENING'] as const) {
    await t.test(code, async (sub) => {
      const harness = new SyncHarness(sub);
      const client = await harness.synced();
      harness.log.appendError = new LogError(code, 'x');
      client.edit(new Typist().type('x'));
      assert.equal(client.closeCode, 4503);
    });
  }
});

test('I3: a large update is scanned elsewhere, and what follows it keeps its place', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced();
  const typist = new Typist();
  harness.offload.gate.close();
  client.edit(typist.type('x'.repeat(1_100 * KIB)));
  client.edit(typist.type('behind'));
  client.probe(1);
  await harness.settle();
  assert.equal(client.connection.paused, true);
  assert.equal(harness.log.pending('doc').length, 0);
  harness.offload.gate.open();
  await harness.settle();
  assert.equal(client.connection.paused, false);
  assert.deepEqual(
    harness.log.pending('doc').map((entry) => entry.update.length),
    typist.updates.map((update) => update.length),
  );
  assert.deepEqual(client.savedMarks, []);
  harness.log.commit('doc');
  assert.deepEqual(client.savedMarks, [1]);
  assert.equal(textFrom(...harness.log.document('doc').entries.map((entry) => entry.update)), typist.text);
});

test('several large updates in a row, with small ones between, keep their order', async (t) => {
  const harness = new SyncHarness(t);
  const client = await harness.synced({ limits: { maxQueuedBytes: 8 * KIB * KIB } });
  const typist = new Typist();
  for (let i = 0; i < 3; i++) {
    client.edit(typist.type(String(i).repeat(1_100 * KIB)));
    client.edit(typist.type(`<${i}>`));
  }
  await harness.settle();
  assert.equal(harness.offload.calls.length, 3);
  assert.deepEqual(
    harness.log.pending('doc').map((entry) => entry.update.length),
    typist.updates.map((update) => update.length),
  );
});

test('a large update that is malformed, or whose author is gone by the time it is scanned, is not taken', async (t) => {
  const harness = new SyncHarness(t);
  const [bad, gone] = [await harness.synced(), await harness.synced()];
  bad.edit(new Uint8Array(1_100 * KIB).fill(1));
  harness.offload.gate.close();
  gone.edit(new Typist().type('x'.repeat(1_100 * KIB)));
  gone.vanish();
  harness.offload.gate.open();
  await harness.settle();
  assert.equal(bad.closeCode, 4400);
  assert.equal(harness.log.pending('doc').length, 0);
});
