import assert from 'node:assert/strict';
import { once } from 'node:events';
import { BlockList } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { TestContext } from 'node:test';
import { WebSocket } from 'ws';
import { closeReason } from '../../../server/errors.ts';
import { Connections, socketsFactor, ticksPerSecond } from '../../../server/net/connections.ts';
import type { ConnectionsDeps } from '../../../server/net/connections.ts';
import { guardMs, paced, within } from '../../support/deadline.ts';
import { NetHarness, parseAnswer, readToEnd, upgradeRequest } from '../../support/net-harness.ts';
import type { NetHarnessOptions } from '../../support/net-harness.ts';
import type { Owner } from '../../support/owner.ts';
import { clientFrame, RawSocket } from '../../support/raw-socket.ts';

/** A network whose connections see time pass only through `pass`. */
function start(t: TestContext, options: NetHarnessOptions = {}): Promise<NetHarness> {
  t.mock.timers.enable({ apis: ['setInterval'] });
  return NetHarness.start(t, options);
}

async function open(owner: Owner, net: NetHarness, autoPong = true): Promise<WebSocket> {
  const client = new WebSocket(`${net.url}/doc`, { autoPong });
  client.on('error', () => {});
  owner.after(() => client.terminate());
  await once(client, 'open');
  return client;
}

/** Lets this many seconds pass without waiting. */
function pass(net: NetHarness, seconds: number): void {
  for (let i = 0; i < seconds * ticksPerSecond; i++) net.connections.tick();
}

test('the constructor starts no timer, start() starts one, and close() may be called twice', async (t) => {
  const timers = t.mock.method(globalThis, 'setInterval');
  const connections = new Connections({ handshakeTimeoutMs: 1_000 } as ConnectionsDeps);
  assert.equal(timers.mock.callCount(), 0);
  connections.start();
  connections.start();
  assert.equal(timers.mock.callCount(), 1);
  const closed = connections.close(closeReason('shutting-down'), 0);
  assert.equal(connections.close(closeReason('shutting-down'), 0), closed);
  await closed;
});

test('a connection that is not live by its deadline is closed with a reason that allows a retry (I7, I8)', async (t) => {
  const net = await start(t, { handshakeTimeoutMs: 10_000 });
  const late = await open(t, net);
  await net.handler();
  pass(net, 5);
  const live = await open(t, net);
  (await net.handler(1)).connection.established();
  pass(net, 4);
  assert.equal(net.stats.connectionsRefused.size, 0);
  pass(net, 1);
  const [code, reason] = (await once(late, 'close')) as [number, Buffer];
  assert.equal(code, 4529);
  assert.match(reason.toString(), /not established in time/);
  pass(net, 10);
  assert.equal(live.readyState, WebSocket.OPEN);
  assert.equal(net.stats.connectionsRefused.get('not-live'), 1);
});

test('a live connection is pinged every 25 s, and stays open while it answers', async (t) => {
  const net = await start(t);
  const client = await open(t, net);
  const { connection } = await net.handler();
  connection.established();
  let pings = 0;
  client.on('ping', () => pings++);
  for (let round = 1; round <= 5; round++) {
    pass(net, 24);
    assert.equal(connection.silentPings, 0);
    const pinged = once(client, 'ping');
    pass(net, 1);
    assert.equal(connection.silentPings, 1);
    await pinged;
    // The pong was sent before this message, so it arrives first.
    client.send(Buffer.from(`round ${round}`));
    await within(guardMs, 'the message', whenMessages(net, round));
    assert.equal(connection.silentPings, 0);
    // If the message used up its turn, the connection stays paused until the next one, and its ping would not count.
    await nextTurn();
  }
  assert.equal(pings, 5);
  assert.equal(net.stats.connectionsSilent, 0);
});

test('a connection that leaves two pings unanswered is cut off, and its handler is told (I7)', async (t) => {
  const net = await start(t);
  await open(t, net, false);
  const handler = await net.handler();
  handler.connection.established();
  pass(net, 74);
  assert.equal(handler.closings.length, 0);
  pass(net, 1);
  await within(guardMs, 'the end of the connection', handler.closedOnce);
  assert.deepEqual(handler.closings, [{ code: 1006, reason: '' }]);
  assert.equal(net.stats.connectionsSilent, 1);
});

test('a message counts as a sign of life, like a pong', async (t) => {
  const net = await start(t);
  const client = await open(t, net, false);
  const { connection } = await net.handler();
  connection.established();
  pass(net, 50);
  client.send(Buffer.from('here'));
  await within(guardMs, 'the message', whenMessages(net, 1));
  pass(net, 49);
  assert.equal(net.stats.connectionsSilent, 0);
});

test('a paused connection does not count as silent, because its pong is not read', async (t) => {
  const net = await start(t);
  await open(t, net);
  const { connection } = await net.handler();
  connection.established();
  connection.pause();
  pass(net, 200);
  assert.equal(net.stats.connectionsSilent, 0);
  assert.equal(net.connections.size, 1);
});

test('connections are pinged at the pace at which they were opened, not all at once (I6)', async (t) => {
  const net = await start(t);
  for (let i = 0; i < 3; i++) {
    await open(t, net);
    (await net.handler(i)).connection.established();
    pass(net, 1);
  }
  const pinged = async (index: number) => (await net.handler(index)).connection.silentPings;
  pass(net, 22);
  assert.deepEqual([await pinged(0), await pinged(1), await pinged(2)], [1, 0, 0]);
  pass(net, 1);
  assert.deepEqual([await pinged(1), await pinged(2)], [1, 0]);
});

test('I7: the bytes of endless messages are bounded in total; connections that are not live are closed first, the largest first', async (t) => {
  const net = await start(t, { maxPartialBytes: 300_000 });
  const sockets: RawSocket[] = [];
  const holds = async (index: number, bytes: number): Promise<void> => {
    const socket = await RawSocket.open(`${net.url}/doc`);
    t.after(() => socket.destroy());
    sockets.push(socket);
    const { connection } = await net.handler(index);
    // Complete frames of an incomplete message.
    for (let sent = 0; sent < bytes; sent += 50_000) {
      socket.sendBytes(clientFrame(sent === 0 ? 0x02 : 0x00, new Uint8Array(50_000)));
    }
    const come = async (): Promise<void> => {
      while (connection.partialBytes < bytes) await paced(5);
    };
    await within(guardMs, `${bytes} bytes`, come());
  };
  const gone = async (...indices: number[]): Promise<void> => {
    const handlers = await Promise.all(indices.map((index) => net.handler(index)));
    await within(guardMs, 'their end', Promise.all(handlers.map(({ closedOnce }) => closedOnce)));
  };
  await holds(0, 150_000);
  (await net.handler(0)).connection.established();
  await holds(1, 50_000);
  net.connections.tick();
  assert.equal(net.connections.size, 2, 'enough for both');
  await holds(2, 100_000);
  net.connections.tick();
  await gone(2);
  assert.equal(net.stats.limitsReached.get('partial-messages'), 1);
  assert.equal(net.connections.size, 2, 'as few as need be');
  await holds(3, 300_000);
  (await net.handler(3)).connection.established();
  net.connections.tick();
  await gone(1, 3);
  assert.equal(net.connections.size, 1);
  const handler = await net.handler(0);
  const whole = new Promise<void>((resolve) => {
    handler.onMessage = () => resolve();
  });
  sockets[0]?.sendBytes(clientFrame(0x80, Buffer.from('end')));
  await within(guardMs, 'the message that was let be', whole);
  assert.equal(handler.connection.partialBytes, 0);
});

test('I7: with the bytes in paused sockets the bound is four times as high, and no client is closed below it', async (t) => {
  // Each message is complete. A session that is not live yet has paused its socket.
  const bytes = 40_000;
  const count = 12;
  const net = await start(t, { maxPartialBytes: (count * bytes) / socketsFactor + bytes / 2 });
  const connect = async (index: number): Promise<void> => {
    const socket = await net.socket();
    t.after(() => socket.destroy());
    socket.write(upgradeRequest('/sync/doc'));
    await once(socket, 'data');
    const { connection } = await net.handler(index);
    connection.pause();
    socket.write(clientFrame(0x82, new Uint8Array(bytes)));
    const come = async (): Promise<void> => {
      while (connection.waitingBytes < bytes) await paced(5);
    };
    await within(guardMs, `${bytes} bytes`, come());
  };
  for (let i = 0; i < count; i++) await connect(i);
  net.connections.tick();
  assert.equal(net.connections.size, count, 'three times the bound, and all of it in sockets');
  assert.ok(net.connections.waitingBytes > count * bytes);
  for (let i = count; i < count + 4; i++) await connect(i);
  net.connections.tick();
  assert.ok((net.stats.limitsReached.get('partial-messages') ?? 0) > 0, 'I7: there is a bound for sockets, too');
  await within(
    guardMs,
    'the end of some',
    (async () => {
      while (net.connections.size === count + 4) await paced(5);
    })(),
  );
  assert.ok(net.connections.size >= count, 'as few as need be');
});

test('I6: an incomplete message is charged to its address like a refused one', async (t) => {
  const trustedProxies = new BlockList();
  trustedProxies.addAddress('127.0.0.1');
  const refusedWorkPerAddress = { perSecond: 0.01, burst: 1 };
  const net = await start(t, { trustedProxies, limits: { refusedWorkPerAddress } });
  const upgrade = async (): Promise<Socket> => {
    const socket = await net.socket();
    t.after(() => socket.destroy());
    socket.write(upgradeRequest('/sync/doc', { 'X-Forwarded-For': '192.0.2.1' }));
    return socket;
  };
  const socket = await upgrade();
  const handler = await net.handler();
  socket.write(clientFrame(0x82, new Uint8Array(900_000), 1_000_000));
  const come = async (): Promise<void> => {
    while (handler.connection.partialBytes < 900_000) await paced(5);
  };
  await within(guardMs, 'most of the message', come());
  socket.destroy();
  await within(guardMs, 'the end of the connection', handler.closedOnce);
  assert.equal(parseAnswer(await readToEnd(await upgrade())).status, 429);
});

test('close() closes all connections with the reason, and resolves when none is open', async (t) => {
  const net = await start(t);
  const clients = [await open(t, net), await open(t, net)];
  await net.handler(1);
  const closes = clients.map((client) => once(client, 'close'));
  await within(guardMs, 'the end', net.connections.close(closeReason('shutting-down'), 60_000));
  assert.equal(net.connections.size, 0);
  for (const [code, reason] of (await Promise.all(closes)) as [number, Buffer][]) {
    assert.equal(code, 1012);
    assert.equal(reason.toString(), 'server is restarting');
  }
});

test('close() cuts off a client that does not answer before the deadline (I7)', async (t) => {
  const net = await start(t, { limits: { closeTimeoutMs: 60_000 } });
  const client = await open(t, net);
  client.pause();
  const handler = await net.handler();
  await within(guardMs, 'the end', net.connections.close(closeReason('shutting-down'), 50));
  assert.equal(handler.closings.length, 1);
});

async function whenMessages(net: NetHarness, count: number): Promise<void> {
  const handler = await net.handler();
  while (handler.messages.length < count) {
    await new Promise<void>((resolve) => {
      handler.onMessage = () => setImmediate(resolve);
    });
  }
}

test('I6: an error while a connection is checked ends only that connection', async (t) => {
  const net = await start(t);
  const [broken, other] = [await open(t, net), await open(t, net)];
  const [{ connection }, { connection: good }] = [await net.handler(), await net.handler(1)];
  connection.established();
  good.established();
  t.mock.method(connection, 'ping', () => {
    throw new Error('broken');
  });
  const [closed, pinged] = [once(broken, 'close'), once(other, 'ping')];
  pass(net, 25);
  await within(guardMs, 'the end of the broken one and a ping of the other', Promise.all([closed, pinged]));
  assert.equal(net.stats.connectionsRefused.get('internal'), 1);
  assert.equal(other.readyState, WebSocket.OPEN);
});
