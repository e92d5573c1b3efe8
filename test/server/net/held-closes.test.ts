/** Repeated closes are delayed, so that clients that reconnect at once do so less often. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { BlockList } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import type { After } from '../../../server/limits/after.ts';
import { closeReason } from '../../../server/errors.ts';
import type { RefusalCode } from '../../../server/errors.ts';
import { ticksPerSecond } from '../../../server/net/connections.ts';
import { within } from '../../support/deadline.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { NetHarness } from '../../support/net-harness.ts';
import type { NetHarnessOptions, RecordingHandler } from '../../support/net-harness.ts';

const timeoutMs = 60_000;

async function setUp(t: TestContext, options: NetHarnessOptions = {}) {
  const trustedProxies = new BlockList();
  trustedProxies.addAddress('127.0.0.1');
  const clock = new ManualClock();
  const after: After = (delayMs, callback) => clock.after(delayMs, callback).cancel;
  const net = await NetHarness.start(t, { trustedProxies, after, ...options });
  let made = 0;
  /** A client whose socket is open on both sides. */
  const open = async (docName = 'doc', address = '192.0.2.1') => {
    const client = new WebSocket(`${net.url}/${docName}`, { headers: { 'X-Forwarded-For': address } });
    t.after(() => client.terminate());
    client.on('error', () => {});
    const closed = new Promise<number>((resolve) => client.once('close', (code) => resolve(code)));
    await within(timeoutMs, 'the socket', once(client, 'open'));
    return {
      client,
      closed: (): Promise<number> => within(timeoutMs, 'the close', closed),
      handler: await net.handler(made++),
    };
  };
  /** One round of a client that reconnects. Resolves with the delay of its close, in milliseconds. */
  const round = async (code: RefusalCode, docName?: string, address?: string): Promise<number> => {
    const { closed, handler } = await open(docName, address);
    close(handler, code);
    const heldMs = Math.max(0, ...clock.pending);
    assert.equal(net.held.count, heldMs === 0 ? 0 : 1);
    clock.advance(heldMs);
    assert.equal(await closed(), closeReason(code).code);
    return heldMs;
  };
  return { net, clock, open, round };
}

function close(handler: RecordingHandler, code: RefusalCode): void {
  handler.connection.close(closeReason(code));
}

const escalating = [0, 250, 500, 1_000, 2_000, 4_000, 4_000];

for (const code of [
  'limit-reached',
  'storage-unavailable',
  'overloaded',
  'malformed',
  'grant-ended',
  'internal',
] as const) {
  test(`${code} (${closeReason(code).code}) is sent at once the first time, and later each time that it repeats`, async (t) => {
    const { round } = await setUp(t);
    const held: number[] = [];
    for (let i = 0; i < escalating.length; i++) held.push(await round(code));
    assert.deepEqual(held, escalating);
  });
}

test('a refusal in another document, for another reason, or for another address is not delayed', async (t) => {
  const { round } = await setUp(t);
  await round('limit-reached');
  await round('limit-reached');
  assert.equal(await round('limit-reached', 'other'), 0);
  assert.equal(await round('overloaded'), 0);
  assert.equal(await round('limit-reached', 'doc', '192.0.2.2'), 0);
});

test('codes that are delayed elsewhere, or must not be delayed, are not delayed here', async (t) => {
  const { round } = await setUp(t);
  for (const code of ['unauthorized', 'forbidden', 'generation-changed', 'shutting-down'] as const) {
    for (let i = 0; i < 3; i++) assert.equal(await round(code), 0, code);
  }
});

test('clients that are closed together count once, and wait equally long when that repeats', async (t) => {
  const { clock, open } = await setUp(t);
  for (const pending of [[], [250, 250, 250, 250, 250], [500, 500, 500, 500, 500]]) {
    const clients = [];
    for (let i = 0; i < 5; i++) clients.push(await open());
    for (const { handler } of clients) close(handler, 'storage-unavailable');
    assert.deepEqual(clock.pending, pending);
    clock.advance(1_000);
    for (const { closed } of clients) assert.equal(await closed(), 4503);
  }
});

test('1009 is delayed too, and input received meanwhile is dropped', async (t) => {
  const { net, clock, open } = await setUp(t);
  for (const heldMs of [0, 250, 500]) {
    const { client, closed, handler } = await open();
    client.send(new Uint8Array(1024 * 1024 + 1));
    if (heldMs > 0) await within(timeoutMs, 'the hold', clock.waiting(heldMs));
    assert.equal(net.held.count, heldMs > 0 ? 1 : 0);
    if (heldMs > 0) client.send('more');
    clock.advance(heldMs);
    assert.equal(await closed(), 1009);
    await within(timeoutMs, 'the end at the server', handler.closedOnce);
    assert.deepEqual(handler.messages, []);
  }
});

test('messages that arrive while a close is delayed are dropped', async (t) => {
  const { clock, open } = await setUp(t);
  close((await open()).handler, 'limit-reached');
  const { client, closed, handler } = await open();
  close(handler, 'limit-reached');
  client.send('late');
  clock.advance(250);
  assert.equal(await closed(), 4529);
  assert.deepEqual(handler.messages, []);
});

test('a connection that has lasted for ten seconds is closed at once, and counting starts again', async (t) => {
  const { net, clock, open, round } = await setUp(t);
  for (const heldMs of [0, 250, 500]) assert.equal(await round('grant-ended'), heldMs);
  const { closed, handler } = await open();
  handler.connection.established();
  for (let tick = 0; tick < 10 * ticksPerSecond; tick++) net.connections.tick();
  close(handler, 'grant-ended');
  assert.deepEqual(clock.pending, []);
  assert.equal(await closed(), 4501);
  assert.equal(await round('grant-ended'), 0);
});

test('the number of delayed closes is bounded; beyond it the oldest is sent (I7)', async (t) => {
  const { net, clock, open, round } = await setUp(t, { maxHeld: 2 });
  await round('limit-reached');
  const clients = [];
  for (let i = 0; i < 3; i++) clients.push(await open());
  for (const { handler } of clients) close(handler, 'limit-reached');
  assert.equal(net.held.count, 2);
  assert.equal(await clients[0]!.closed(), 4529);
  assert.equal(net.stats.limitsReached.get('held-refusals'), 1);
  clock.advance(250);
  assert.equal(await clients[1]!.closed(), 4529);
  assert.equal(net.held.count, 0);
});

test('the shutdown does not wait for delayed closes', async (t) => {
  const { net, open, round } = await setUp(t);
  await round('limit-reached');
  const { closed, handler } = await open();
  close(handler, 'limit-reached');
  await net.connections.close(closeReason('shutting-down'), timeoutMs);
  assert.equal(await closed(), 1012);
});

test('a connection is read up to a bound before its client is authenticated, and from there on afterwards', async (t) => {
  const { open } = await setUp(t);
  const message = new Uint8Array(1024 * 1024).fill(97);
  const { client, handler } = await open();
  handler.connection.limitReading(64 * 1024);
  client.send(message);
  // A connection without the bound shows that the server has read all that it will.
  const free = await open();
  const whole = new Promise<void>((resolve) => {
    free.handler.onMessage = () => resolve();
  });
  free.client.send(message);
  await within(timeoutMs, 'the message of the other', whole);
  const { partialBytes } = handler.connection;
  // Node reads one more chunk of 64 KB into a paused socket.
  assert.ok(partialBytes > 0 && partialBytes < 64 * 1024 * 3 + 4_096, `${partialBytes} bytes read`);
  assert.deepEqual(handler.messages, []);
  const come = new Promise<number>((resolve) => {
    handler.onMessage = (data) => resolve(data.length);
  });
  handler.connection.limitReading(null);
  assert.equal(await within(timeoutMs, 'the message', come), message.length);
});

test('a client that is refused while its input waits is told why, and the rest is dropped', async (t) => {
  const { net, open } = await setUp(t, { limits: { closeTimeoutMs: timeoutMs } });
  const { client, closed, handler } = await open();
  handler.connection.limitReading(64 * 1024);
  client.send(new Uint8Array(1024 * 1024));
  const { client: other, handler: otherHandler } = await open();
  const whole = new Promise<void>((resolve) => {
    otherHandler.onMessage = () => resolve();
  });
  other.send(new Uint8Array(1024 * 1024));
  await within(timeoutMs, 'the message of the other', whole);
  const before = handler.connection.partialBytes;
  close(handler, 'unauthorized');
  assert.equal(await closed(), 4401);
  await within(timeoutMs, 'the end at the server', handler.closedOnce);
  assert.ok(handler.connection.partialBytes <= before);
  assert.equal(net.connections.size, 1);
});
