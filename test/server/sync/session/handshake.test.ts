/** From the first byte of a client until its session is live, or the handshake has failed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CorruptDocumentError, LogError } from '../../../../persistence/errors.ts';
import { RefusedError } from '../../../../server/errors.ts';
import { emptyStateVector } from '../../../support/frames.ts';
import { Typist } from '../../../support/shared-text.ts';
import { SyncHarness } from '../../../support/sync-harness.ts';

const kib = 1024;
const typesOf = (frames: readonly { type: string }[]) => frames.map((frame) => frame.type);

test('the first messages of a session are written together', async (t) => {
  const harness = new SyncHarness(t);
  const client = harness.connect();
  client.send({ type: 'sync-step-1', stateVector: emptyStateVector });
  await harness.settle();
  assert.equal(client.connection.corkedAt, 0);
  assert.deepEqual(typesOf(client.take()), ['sync-step-1', 'sync-step-2']);
});

test('nothing is sent before the document is loaded, and messages that waited are handled in order', async (t) => {
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

test('the connection is paused from the first message until the last one is handled', async (t) => {
  const harness = new SyncHarness(t);
  const client = harness.connect({ limits: { maxQueuedBytes: 2 * kib * kib } });
  client.authorizing.close();
  await harness.settle();
  assert.equal(client.connection.paused, false);
  const typist = new Typist();
  client.answer(typist.type('x'.repeat(1_100 * kib)));
  client.edit(typist.type('behind'));
  assert.equal(client.connection.paused, true);
  harness.offload.gate.close();
  client.authorizing.open();
  await harness.settle();
  assert.equal(client.live, true);
  assert.equal(client.connection.paused, true, 'the second message waits for the scan of the first');
  harness.offload.gate.open();
  await harness.settle();
  assert.equal(client.connection.paused, false);
  client.edit(typist.type('!'));
  assert.equal(harness.log.pending('doc').length, 3);
});

test('a malformed message that waited ends the session when it is handled, and no message after it counts', async (t) => {
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
  test(`a client refused as ${code} gets close code ${closeCode}, and no document is opened`, async (t) => {
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
    assert.equal(harness.stats.sessionsEnded.get(code), 1);
    assert.equal(harness.log.opens, 0);
  });
}

for (const [name, error, closeCode] of [
  ['storage is being reopened', new LogError('LOG_REOPENING', 'x'), 4503],
  ['the document is damaged', new CorruptDocumentError('doc', 'x'), 4503],
  ['an unknown error occurs', new Error('secret'), 1011],
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

test('a client may leave while it is authenticated, while its document is loaded, and later', async (t) => {
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

test('the check of access learns whether the client has left, before and after the handshake', async (t) => {
  const harness = new SyncHarness(t);
  const early = harness.connect();
  early.authorizing.close();
  assert.equal(early.isGone(), false);
  early.vanish();
  assert.equal(early.isGone(), true);

  const live = await harness.live();
  assert.equal(live.isGone(), false, 'a grant of a live session is renewed');
  live.vanish();
  assert.equal(live.isGone(), true);
});

test('a client that fails or leaves during the handshake no longer counts among the sessions of its user', async (t) => {
  const harness = new SyncHarness(t, { maxConnectionsPerUser: 1 });
  harness.log.opening.close();
  const loading = harness.connect();
  await harness.settle();
  const second = harness.connect();
  await harness.settle();
  assert.equal(second.closeCode, 4529);
  loading.vanish();
  harness.log.opening.open();
  harness.log.openError = new Error('x');
  const failed = harness.connect();
  await harness.settle();
  assert.equal(failed.closeCode, 1011);
  harness.log.openError = null;
  const live = await harness.live();
  live.vanish();
  assert.equal((await harness.live()).live, true);
});

test('I7: the messages that wait for the handshake are bounded', async (t) => {
  const harness = new SyncHarness(t);
  const client = harness.connect({ limits: { maxQueuedBytes: 1_000 } });
  client.authorizing.close();
  for (let i = 0; i < 9; i++) client.sendBytes(new Uint8Array(100));
  assert.equal(client.closeCode, null);
  client.sendBytes(new Uint8Array(101));
  assert.equal(client.closeCode, 4529);
  client.authorizing.open();
  await harness.settle();
  assert.equal(harness.log.opens, 0);
  assert.equal(harness.stats.sessionsEnded.get('limit-reached'), 1);
  assert.equal(harness.stats.limitsReached.get('queue-size'), 1);
});

test('I7: 64 KB of a client are read before access is checked, and any amount afterwards', async (t) => {
  const harness = new SyncHarness(t);
  const client = harness.connect();
  client.authorizing.close();
  assert.equal(client.connection.readingLimit, 64 * kib);
  client.authorizing.open();
  await harness.settle();
  assert.equal(client.connection.readingLimit, null);
});

test('I7: bytes that wait for the handshake are reported', async (t) => {
  const harness = new SyncHarness(t);
  const client = harness.connect();
  client.authorizing.close();
  await harness.settle();
  client.answer();
  const answerBytes = client.queuedBytes;
  assert.ok(answerBytes > 0);
  client.sendBytes(new Uint8Array(1_000));
  assert.equal(client.queuedBytes, answerBytes + 1_000);
  client.vanish();
  assert.equal(client.queuedBytes, 0);
});
