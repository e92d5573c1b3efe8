import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { guardMs, within } from '../../support/deadline.ts';
import { Signal } from '../../support/signal.ts';
import { LoadSocket } from './load-socket.ts';

/** A client of `url`, the messages that it has received, and a way to wait for more. */
async function connected(t: TestContext, url: string) {
  const heard: Buffer[] = [];
  const closed: string[] = [];
  const signal = new Signal();
  const socket = await LoadSocket.open(url, {
    onMessage: (payload) => {
      heard.push(Buffer.from(payload));
      signal.notify();
    },
    onClose: (why) => {
      closed.push(why);
      signal.notify();
    },
  });
  t.after(() => socket.terminate());
  const until = (condition: () => boolean): Promise<void> => within(guardMs, 'messages', signal.until(condition));
  return { socket, heard, closed, until };
}

test('messages of all lengths go both ways unchanged', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  t.after(() => server.close());
  server.on('connection', (socket: WebSocket) => socket.on('message', (data: Buffer) => socket.send(data)));
  await once(server, 'listening');
  const { socket, heard, until } = await connected(t, `ws://127.0.0.1:${(server.address() as AddressInfo).port}/room`);
  const payloads = [0, 1, 125, 126, 65_535, 65_536, 3_000_000].map((length) => randomBytes(length));
  for (const payload of payloads) socket.send(payload);
  await until(() => heard.length === payloads.length);
  for (const [index, payload] of payloads.entries())
    assert.ok(heard[index]?.equals(payload), `${payload.length} bytes`);
});

test('frames are found in chunks of any size, a ping is answered, and a close is reported', async (t) => {
  const server = createServer();
  t.after(() => server.close());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const arrived = once(server, 'connection') as Promise<[Socket]>;
  const opening = connected(t, `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const [peer] = await arrived;
  t.after(() => peer.destroy());
  peer.setNoDelay(true);
  await once(peer, 'data');
  // The first message arrives together with the response to the handshake.
  peer.write(Buffer.concat([Buffer.from('HTTP/1.1 101 Switching Protocols\r\n\r\n'), Buffer.from([0x82, 1, 7])]));
  const { heard, closed, until } = await opening;
  await until(() => heard.length === 1);
  const [message, long] = [
    Buffer.from([0x82, 2, 1, 2]),
    Buffer.concat([Buffer.from([0x82, 126, 0, 130]), Buffer.alloc(130, 9)]),
  ];
  const [ping, empty] = [Buffer.from([0x89, 1, 42]), Buffer.from([0x82, 0])];
  const close = Buffer.concat([Buffer.from([0x88, 4, 0x11, 0x31]), Buffer.from('no')]);
  const frames = Buffer.concat([message, long, ping, empty, close]);
  const answered = once(peer, 'data') as Promise<[Buffer]>;
  for (const byte of frames) {
    peer.write(Buffer.of(byte));
    await new Promise(setImmediate);
  }
  await until(() => closed.length === 1);
  assert.deepEqual(heard, [Buffer.of(7), Buffer.of(1, 2), Buffer.alloc(130, 9), Buffer.alloc(0)]);
  assert.deepEqual(closed, ['4401 no']);
  const [pong] = await answered;
  assert.equal(pong[0], 0x8a);
  assert.equal((pong[6] ?? 0) ^ (pong[2] ?? 0), 42);
});

test('a refused upgrade is reported with its status', async (t) => {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', verifyClient: () => false });
  t.after(() => server.close());
  await once(server, 'listening');
  await assert.rejects(connected(t, `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`), /401/);
});
