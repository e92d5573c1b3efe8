import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInThisContext } from 'node:vm';
import { WebSocket } from 'ws';
import { RefusedError } from '../../../server/errors.ts';
import { guardMs, within } from '../../support/deadline.ts';
import { kernelBufferBytes } from '../../support/kernel-buffers.ts';
import { NetHarness, upgradeRequest } from '../../support/net-harness.ts';
import type { Owner } from '../../support/owner.ts';

/** Bytes of which more than 16 MB are left when the kernel's buffers are full. */
const unreadMegabytes = 18 + Math.ceil(kernelBufferBytes() / 2 ** 20);

/** An unmasked text or binary message of the server. */
function frame(text: string): Uint8Array {
  const payload = Buffer.from(text);
  return Buffer.concat([Uint8Array.of(0x82, payload.length), payload]);
}

async function open(owner: Owner, net: NetHarness): Promise<WebSocket> {
  const client = new WebSocket(`${net.url}/doc`, { ca: net.ca });
  client.on('error', () => {});
  owner.after(() => client.terminate());
  await once(client, 'open');
  return client;
}

/** An upgraded socket without a WebSocket client, which the test controls byte by byte. */
async function openRaw(net: NetHarness): Promise<Socket> {
  const socket = await net.socket();
  socket.write(upgradeRequest('/sync/doc'));
  await once(socket, 'data');
  return socket;
}

async function closeOf(client: WebSocket): Promise<{ code: number; reason: string }> {
  const [code, reason] = (await within(guardMs, 'the close of the client', once(client, 'close'))) as [number, Buffer];
  return { code, reason: reason.toString() };
}

for (const tls of [false, true]) {
  const over = tls ? 'TLS' : 'plain TCP';

  test(`over ${over}, frames are sent as they were written, even several in one buffer, and messages are received`, async (t) => {
    const net = await NetHarness.start(t, { tls });
    const client = await open(t, net);
    const handler = await net.handler();
    const received: string[] = [];
    client.on('message', (data: Buffer) => received.push(data.toString()));
    handler.connection.write(Buffer.concat([frame('one'), frame('two')]));
    handler.connection.write(frame('three'));
    client.send(Buffer.from('hello'));
    client.close(1000, 'bye');
    await closeOf(client);
    await handler.closedOnce;
    assert.deepEqual(received, ['one', 'two', 'three']);
    assert.deepEqual(handler.messages, ['hello']);
    assert.deepEqual(handler.closings, [{ code: 1000, reason: 'bye' }]);
  });

  test(`over ${over}, a corked connection sends when the promises of the turn have settled`, async (t) => {
    const net = await NetHarness.start(t, { tls });
    const client = await open(t, net);
    const { connection } = await net.handler();
    const received: string[] = [];
    client.on('message', (data: Buffer) => received.push(data.toString()));
    const [one, two] = [frame('one'), frame('two')];
    connection.cork();
    connection.write(one);
    await Promise.resolve();
    connection.write(two);
    assert.equal(connection.bufferedBytes, one.length + two.length);
    connection.close({ code: 1000, reason: 'bye' });
    await closeOf(client);
    assert.deepEqual(received, ['one', 'two']);
  });

  test(`over ${over}, unread bytes count as buffered, and the handler is told when they have drained`, async (t) => {
    const net = await NetHarness.start(t, { tls });
    const client = await open(t, net);
    const handler = await net.handler();
    const { connection } = handler;
    client.pause();
    const drained = handler.nextDrain();
    const big = Buffer.concat([
      Uint8Array.of(0x82, 127),
      Buffer.from([0, 0, 0, 0, 0, 0x10, 0, 0]),
      Buffer.alloc(1 << 20),
    ]);
    for (let i = 0; i < unreadMegabytes; i++) connection.write(big);
    assert.ok(connection.bufferedBytes > 16 << 20, `${connection.bufferedBytes} bytes buffered`);
    assert.equal(handler.drains, 0);
    client.resume();
    await within(guardMs, 'drained', drained);
    assert.equal(connection.bufferedBytes, 0);
  });
}

test('after the close a handler gets no more events, and the close only once (I8)', async (t) => {
  const net = await NetHarness.start(t);
  const client = await open(t, net);
  const handler = await net.handler();
  handler.connection.close({ code: 4501, reason: 'access has ended' });
  handler.connection.close({ code: 4400, reason: 'another' });
  handler.connection.write(frame('late'));
  client.send(Buffer.from('crossing'));
  assert.deepEqual(await closeOf(client), { code: 4501, reason: 'access has ended' });
  await handler.closedOnce;
  handler.connection.close({ code: 4400, reason: 'another' });
  handler.connection.terminate();
  assert.deepEqual(handler.messages, []);
  assert.deepEqual(handler.closings, [{ code: 4501, reason: 'access has ended' }]);
  assert.equal(net.connections.size, 0);
  assert.equal(net.stats.connectionsClosed.get('4501'), 1);
});

test('a reason of any length is cut to fit a close frame', async (t) => {
  const net = await NetHarness.start(t);
  const client = await open(t, net);
  (await net.handler()).connection.close({ code: 4400, reason: 'ü'.repeat(100) });
  assert.deepEqual(await closeOf(client), { code: 4400, reason: 'ü'.repeat(61) });
});

test('a client that never answers the close is cut off after the close timeout (I7)', async (t) => {
  const net = await NetHarness.start(t, { limits: { closeTimeoutMs: 50 } });
  const socket = await openRaw(net);
  const handler = await net.handler();
  handler.connection.close({ code: 1012, reason: 'server is restarting' });
  await within(guardMs, 'the end of the connection', handler.closedOnce);
  assert.equal(handler.closings.length, 1);
  socket.destroy();
});

test('a client that reads nothing is cut off after the close timeout, with megabytes unsent (I7)', async (t) => {
  const net = await NetHarness.start(t, { limits: { closeTimeoutMs: 50 } });
  const socket = await openRaw(net);
  socket.pause();
  const handler = await net.handler();
  for (let i = 0; i < 16; i++) handler.connection.write(Buffer.alloc(1 << 20));
  handler.connection.close({ code: 4529, reason: 'client reads too slowly' });
  await within(guardMs, 'the end of the connection', handler.closedOnce);
  socket.destroy();
});

test('a client that vanishes or resets the connection is closed with 1006, and nothing is thrown (I6)', async (t) => {
  const net = await NetHarness.start(t);
  const socket = await openRaw(net);
  const handler = await net.handler();
  socket.resetAndDestroy();
  await within(guardMs, 'the end of the connection', handler.closedOnce);
  assert.deepEqual(handler.closings, [{ code: 1006, reason: '' }]);
  assert.equal(net.stats.connectionsClosed.get('1006'), 1);

  const ended = await openRaw(net);
  ended.end();
  const second = await net.handler(1);
  await within(guardMs, 'the end of the second connection', second.closedOnce);
  assert.deepEqual(second.closings, [{ code: 1006, reason: '' }]);
});

test('a text frame is refused with 4400 (I8)', async (t) => {
  const net = await NetHarness.start(t);
  const client = await open(t, net);
  client.send('text');
  assert.deepEqual(await closeOf(client), { code: 4400, reason: 'binary frames only' });
  assert.equal(net.stats.connectionsRefused.get('binary-only'), 1);
  assert.deepEqual((await net.handler()).messages, []);
});

test('a message above the limit is refused with 1009 and a reason, whole or in fragments (I7, I8)', async (t) => {
  const net = await NetHarness.start(t, { limits: { maxMessageBytes: 1_000 } });
  const whole = await open(t, net);
  whole.send(Buffer.alloc(1_000));
  whole.send(Buffer.alloc(1_001));
  assert.deepEqual(await closeOf(whole), { code: 1009, reason: 'message too large' });
  assert.equal((await net.handler()).messages.length, 1);

  const fragments = await open(t, net);
  fragments.send(Buffer.alloc(600), { fin: false });
  fragments.send(Buffer.alloc(600), { fin: true });
  assert.equal((await closeOf(fragments)).code, 1009);
  assert.equal(net.stats.connectionsRefused.get('message-too-large'), 2);
});

test('bytes that are not a WebSocket frame are refused with 1002 and counted (I6, I8)', async (t) => {
  const net = await NetHarness.start(t);
  const socket = await openRaw(net);
  socket.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  const handler = await net.handler();
  const [answer] = (await once(socket, 'data')) as [Buffer];
  const reason = Buffer.from('bad WebSocket frame');
  assert.deepEqual(answer, Buffer.concat([Uint8Array.of(0x88, 2 + reason.length, 0x03, 0xea), reason]));
  socket.destroy();
  await handler.closedOnce;
  assert.equal(net.stats.connectionsRefused.get('bad-frame'), 1);
});

test('the listener table of an idle connection stays an object with fast properties', async (t) => {
  const sockets: { _events: object }[] = [];
  const opened = (message: unknown): void => void sockets.push((message as { socket: { _events: object } }).socket);
  subscribe('net.server.socket', opened);
  t.after(() => unsubscribe('net.server.socket', opened));
  const net = await NetHarness.start(t);
  await open(t, net);
  setFlagsFromString('--allow-natives-syntax');
  const isFast = runInThisContext('(object) => %HasFastProperties(object)') as (object: object) => boolean;
  // The function is compiled when it is first called.
  assert.equal(isFast({}), true);
  setFlagsFromString('--no-allow-natives-syntax');
  assert.deepEqual(
    sockets.map(({ _events }) => isFast(_events)),
    [true],
    'a dictionary takes 800 bytes more',
  );
});

test('an error of a handler closes only its own connection, with the reason of the error (I6)', async (t) => {
  const net = await NetHarness.start(t);
  const bystander = await open(t, net);
  const fails = async (error: Error): Promise<{ code: number; reason: string }> => {
    const made = net.requests.length;
    const client = await open(t, net);
    (await net.handler(made)).onMessage = () => {
      throw error;
    };
    client.send(Buffer.from('x'));
    return closeOf(client);
  };
  assert.deepEqual(await fails(new RefusedError('malformed', 'no')), { code: 4400, reason: 'no' });
  assert.deepEqual(await fails(new Error('secret')), { code: 1011, reason: 'internal error' });
  bystander.send(Buffer.from('still here'));
  bystander.close();
  const handler = await net.handler();
  await handler.closedOnce;
  assert.deepEqual(handler.messages, ['still here']);
});

test('a pong contains the payload of its ping, and is not sent while pongs would accumulate (I7)', async (t) => {
  const net = await NetHarness.start(t);
  const client = await open(t, net);
  const handler = await net.handler();
  const { connection } = handler;
  const answered = once(client, 'pong');
  client.ping('are you there');
  assert.equal(String((await answered)[0]), 'are you there');
  client.pause();
  for (let i = 0; i < unreadMegabytes; i++) connection.write(Buffer.alloc(1 << 20));
  const heard = async (message: string): Promise<void> => {
    const came = new Promise<void>((resolve) => {
      handler.onMessage = () => resolve();
    });
    client.send(Buffer.from(message));
    await within(guardMs, message, came);
  };
  await heard('the kernel has taken what it takes');
  const { bufferedBytes } = connection;
  assert.ok(bufferedBytes > 16 << 20, `${bufferedBytes} bytes buffered`);
  for (let i = 0; i < 10; i++) client.ping('flood');
  await heard('after the pings');
  assert.equal(connection.bufferedBytes, bufferedBytes);
});

test('a paused connection gets no messages until it is resumed', async (t) => {
  const net = await NetHarness.start(t);
  const client = await open(t, net);
  const handler = await net.handler();
  handler.connection.pause();
  client.send(Buffer.from('waits'));
  // By the time of another client's pong, the server would have read this message.
  const other = await open(t, net);
  other.ping();
  await once(other, 'pong');
  assert.deepEqual(handler.messages, []);
  handler.connection.resume();
  client.close();
  await handler.closedOnce;
  assert.deepEqual(handler.messages, ['waits']);
});

test('closing a paused connection completes the close handshake', async (t) => {
  const net = await NetHarness.start(t, { limits: { closeTimeoutMs: 60_000 } });
  const client = await open(t, net);
  const handler = await net.handler();
  handler.connection.pause();
  handler.connection.close({ code: 1012, reason: 'server is restarting' });
  assert.equal((await closeOf(client)).code, 1012);
  await handler.closedOnce;
  assert.deepEqual(handler.closings, [{ code: 1012, reason: 'server is restarting' }]);
});
