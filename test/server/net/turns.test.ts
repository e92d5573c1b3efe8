import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { turnBudgetMs } from '../../../server/net/turn-budget.ts';
import { guardMs, within } from '../../support/deadline.ts';
import { NetHarness, RecordingHandler, upgradeRequest } from '../../support/net-harness.ts';
import { clientFrame } from '../../support/raw-socket.ts';

/** Blocks the event loop for slightly more than the budget of a turn. */
function compute(): void {
  for (const end = performance.now() + turnBudgetMs + 1; performance.now() < end;);
}

/** Connected sockets with the handlers of their connections. */
async function connected(t: TestContext, net: NetHarness, count: number): Promise<[Socket, RecordingHandler][]> {
  const all: [Socket, RecordingHandler][] = [];
  for (let i = 0; i < count; i++) {
    const socket = await net.socket();
    t.after(() => socket.destroy());
    socket.write(upgradeRequest('/sync/doc'));
    await once(socket, 'data');
    all.push([socket, await net.handler(i)]);
  }
  return all;
}

/** Counts events in each turn of the event loop. */
class Turns {
  readonly counts: number[] = [];
  #inTurn = 0;

  /** Counts one event. */
  count(): void {
    compute();
    this.#inTurn++;
    if (this.#inTurn > 1) return;
    // Runs after the sockets were read, and before held work is released.
    setImmediate(() => {
      this.counts.push(this.#inTurn);
      this.#inTurn = 0;
    });
  }

  /** Resolves when this many events were counted. */
  async until(count: number): Promise<void> {
    const done = async (): Promise<void> => {
      while (this.counts.reduce((sum, n) => sum + n, 0) < count) await nextTurn();
    };
    await within(guardMs, () => `${count} times; so far ${this.counts.join(', ')}`, done());
  }
}

for (const tls of [false, true]) {
  test(`I6: the input of many clients at once ${tls ? 'over TLS ' : ''}is handled in turns, in the order of each client, and nothing is lost`, async (t) => {
    const net = await NetHarness.start(t, { tls });
    const all = await connected(t, net, 10);
    const frames = [1, 2, 3].map((n) => clientFrame(0x82, Buffer.from(String(n))));
    const turns = new Turns();
    for (const [, handler] of all) handler.onMessage = () => turns.count();
    for (const frame of frames) for (const [socket] of all) socket.write(frame);
    await turns.until(30);
    const most = Math.max(...turns.counts);
    assert.ok(most <= 3, `${most} messages in one turn: no more than one client's`);
    for (const [, { messages }] of all) assert.deepEqual(messages, ['1', '2', '3']);
  });
}

test('I6: an upgrade among many waits for a turn, and its client may leave meanwhile', async (t) => {
  const turns = new Turns();
  const net = await NetHarness.start(t, {
    accept: (connection) => {
      turns.count();
      return new RecordingHandler(connection);
    },
  });
  const sockets = await Promise.all(Array.from({ length: 10 }, () => net.socket()));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  // The server accepts one waiting connection in each turn.
  for (let turn = 0; turn < 50; turn++) await nextTurn();
  for (const [i, socket] of sockets.entries()) {
    socket.write(upgradeRequest('/sync/doc'));
    if (i === 9) setImmediate(() => setImmediate(() => socket.resetAndDestroy()));
  }
  await Promise.all(sockets.slice(0, 9).map((socket) => once(socket, 'data')));
  await turns.until(9);
  assert.deepEqual(turns.counts, Array(9).fill(1));
  assert.equal(net.connections.size, 9);
});

test('a paused handler gets held input after it resumes, and not in the middle of its own call', async (t) => {
  const net = await NetHarness.start(t);
  const all = await connected(t, net, 2);
  const [[busySocket, busy], [socket, handler]] = all as [[Socket, RecordingHandler], [Socket, RecordingHandler]];
  const held = new Promise<void>((resolve) => {
    busy.onMessage = () => {
      compute();
      // By then the other message has been read and held. It is released afterwards.
      setImmediate(() => {
        handler.connection.pause();
        setImmediate(() => setImmediate(resolve));
      });
    };
  });
  busySocket.write(clientFrame(0x82, Buffer.from('busy')));
  socket.write(clientFrame(0x82, Buffer.from('held')));
  await within(guardMs, 'the busy one', held);
  assert.deepEqual(handler.messages, []);
  assert.equal(
    handler.connection.partialBytes,
    clientFrame(0x82, Buffer.from('held')).length,
    'I7: it counts meanwhile',
  );

  const taken = new Promise<void>((resolve) => (handler.onMessage = () => resolve()));
  handler.connection.resume();
  assert.deepEqual(handler.messages, []);
  await within(guardMs, 'the message', taken);
  assert.deepEqual(handler.messages, ['held']);
  assert.equal(handler.connection.partialBytes, 0);
});

test('input that was read before a connection broke is handled, although it had to wait', async (t) => {
  const net = await NetHarness.start(t);
  const all = await connected(t, net, 6);
  const [socket, handler] = all.at(-1) as [Socket, RecordingHandler];
  // Each of the other connections makes it wait for one turn.
  for (const [i, [, busy]] of all.slice(0, -1).entries()) {
    busy.onMessage = () => {
      compute();
      if (i === 0) socket.resetAndDestroy();
    };
  }
  for (const [each] of all) each.write(clientFrame(0x82, Buffer.from('edit')));
  await within(guardMs, 'its end', handler.closedOnce);
  assert.deepEqual(handler.messages, ['edit']);
  assert.equal(handler.closings[0]?.code, 1006);
});

for (const tls of [false, true]) {
  test(`I6: input of many connections that are reset together${tls ? ' over TLS' : ''} is handled in turns`, async (t) => {
    const net = await NetHarness.start(t, { tls });
    const count = 12;
    const all = await connected(t, net, count);
    const turns = new Turns();
    for (const [, handler] of all) {
      handler.connection.pause();
      handler.onMessage = () => turns.count();
    }
    for (const [socket] of all) socket.write(clientFrame(0x82, Buffer.from('edit')));
    const come = async (): Promise<void> => {
      while (all.some(([, { connection }]) => connection.partialBytes === 0)) await nextTurn();
    };
    await within(guardMs, 'the input of each', come());
    for (const [socket] of all) {
      if (tls) socket.destroy();
      else socket.resetAndDestroy();
    }
    for (const [, { connection }] of all) connection.terminate();
    await within(guardMs, 'the end of each', Promise.all(all.map(([, handler]) => handler.closedOnce)));
    for (const [, { messages, closings }] of all) {
      assert.deepEqual(messages, ['edit']);
      assert.equal(closings.length, 1);
    }
    await turns.until(count);
    const most = Math.max(...turns.counts);
    assert.ok(most <= 2, `${most} in one turn`);
    assert.equal(net.connections.size, 0);
  });
}
