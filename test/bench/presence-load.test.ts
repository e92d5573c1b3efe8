import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { emptyStateVector } from '../support/frames.ts';
import { PresenceLoad } from './presence-load.ts';

/**
 * Answers syncs, and relays awareness to all other clients except those for which `drops` returns true, by their order.
 */
async function room(
  t: TestContext,
  drops: (receiver: number) => boolean,
): Promise<{ url: string; closeAll: () => void }> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  t.after(() => server.close());
  const sockets: WebSocket[] = [];
  server.on('connection', (socket: WebSocket) => {
    sockets.push(socket);
    socket.on('message', (data: Buffer) => {
      if (data[0] === 0) return socket.send(Buffer.of(0, 1, 2, 0, 0));
      for (const [receiver, other] of sockets.entries()) if (other !== socket && !drops(receiver)) other.send(data);
    });
  });
  await once(server, 'listening');
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    closeAll: () => {
      for (const socket of sockets) socket.terminate();
    },
  };
}

test('presence is complete when all clients have the latest state of all others, even if older states were skipped', async (t) => {
  let isLossy = false;
  const { url } = await room(t, () => isLossy);
  const load = await PresenceLoad.open({ url, dialect: 'y-websocket' }, 'room', 3);
  t.after(() => load.close());
  const [first, second] = load.people;
  assert.ok(first && second);

  load.move(second);
  load.move(second);
  await load.complete();
  // States that are sent back do not count as new: two moves, two other clients.
  for (const { client } of load.people) await client.sync(emptyStateVector);
  assert.equal(load.latenciesMs.length, 4);

  isLossy = true;
  load.move(first);
  // The answer to another sync shows that the move was read and dropped.
  await first.client.sync(emptyStateVector);
  isLossy = false;
  load.move(first);
  await load.complete();
});

test('presence is not complete while a client lacks the latest state of another', async (t) => {
  let isLossy = false;
  const { url, closeAll } = await room(t, (receiver) => isLossy && receiver === 1);
  const load = await PresenceLoad.open({ url, dialect: 'y-websocket' }, 'room', 3);
  t.after(() => load.close());
  const [first, , third] = load.people;
  assert.ok(first && third);
  isLossy = true;
  load.move(first);
  const complete = load.complete();
  for (const { client } of [first, third]) await client.sync(emptyStateVector);
  closeAll();
  await assert.rejects(complete, /A person was closed/);
});
