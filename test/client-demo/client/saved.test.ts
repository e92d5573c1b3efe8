import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { onRefused, trackSaved } from '../../../client-demo/client/client.ts';
import type { Refusal, SavedState, SavedTracker } from '../../../client-demo/client/client.ts';
import { WebSocket, WebSocketServer } from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import { guardMs, within } from '../../support/deadline.ts';
import { Signal } from '../../support/signal.ts';

const emptySyncStep2 = new Uint8Array([0, 1, 2, 0, 0]);

/** A server that answers no saved probe until the test tells it to. */
class ReluctantServer {
  readonly url: string;
  /** The types and subtypes of the messages from clients, in order. */
  readonly received: string[] = [];
  readonly #server: WebSocketServer;
  readonly #probes: (() => void)[] = [];

  static async start(t: TestContext): Promise<ReluctantServer> {
    const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    await once(server, 'listening');
    t.after(() => {
      for (const client of server.clients) client.terminate();
      server.close();
    });
    return new ReluctantServer(server);
  }

  private constructor(server: WebSocketServer) {
    this.#server = server;
    this.url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('connection', (socket) => {
      socket.on('message', (data: Buffer) => {
        this.received.push(data[0] === 102 ? 'probe' : `${data[0]} ${data[1]}`);
        if (data[0] === 0 && data[1] === 0) socket.send(emptySyncStep2);
        if (data[0] === 102) this.#probes.push(() => socket.send(data));
        this.#server.emit('probe');
      });
    });
  }

  get waitingProbes(): number {
    return this.#probes.length;
  }

  async untilProbes(count: number): Promise<void> {
    const arrived = async (): Promise<void> => {
      while (this.#probes.length < count) await once(this.#server, 'probe');
    };
    await within(guardMs, `${count} probes`, arrived());
  }

  /** Answers all probes so far. */
  answer(): void {
    for (const send of this.#probes.splice(0)) send();
  }

  closeAll(code: number, reason: string): void {
    for (const client of this.#server.clients) client.close(code, reason);
  }
}

interface Client {
  readonly doc: Y.Doc;
  readonly provider: WebsocketProvider;
  readonly saved: SavedTracker;
}

function connect(t: TestContext, url: string, { disableBc = true } = {}): Client {
  const doc = new Y.Doc();
  const provider = new WebsocketProvider(url, 'doc', doc, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    disableBc,
    maxBackoffTime: 50,
  });
  t.after(() => {
    provider.destroy();
    provider.awareness.destroy();
  });
  return { doc, provider, saved: trackSaved(provider) };
}

async function until(saved: SavedTracker, holds: (state: SavedState) => boolean): Promise<void> {
  if (holds(saved.state)) return;
  let end: (() => void) | undefined;
  const promise = new Promise<void>((resolve) => {
    end = saved.subscribe((state) => {
      if (holds(state)) resolve();
    });
  });
  await within(guardMs, () => `another state than ${JSON.stringify(saved.state)}`, promise).finally(() => end?.());
}

test('a document is not called saved before the first answer, although nothing was edited', async (t) => {
  const server = await ReluctantServer.start(t);
  const { saved } = connect(t, server.url);
  assert.equal(saved.state.saved, false);
  await server.untilProbes(1);
  assert.equal(saved.state.saved, false);
  server.answer();
  await until(saved, ({ saved }) => saved);
  assert.equal(saved.state.pendingSinceMs, null);
});

test('one probe is in flight at a time; later edits wait for the next one, pending since their own time (I1)', async (t) => {
  const server = await ReluctantServer.start(t);
  const { doc, saved } = connect(t, server.url);
  await server.untilProbes(1);
  server.answer();
  await until(saved, ({ saved }) => saved);

  const startMs = Date.now();
  for (const word of ['one', 'two', 'three']) doc.getText('text').insert(0, word);
  assert.equal(saved.state.saved, false);
  assert.ok(saved.state.pendingSinceMs! >= startMs);
  await server.untilProbes(1);
  server.answer();
  await until(saved, ({ savedEdits }) => savedEdits === 1);
  assert.deepEqual([saved.state.saved, saved.state.edits], [false, 3]);
  await server.untilProbes(1);
  assert.equal(server.waitingProbes, 1);
  server.answer();
  await until(saved, ({ saved }) => saved);
  assert.equal(saved.state.savedEdits, 3);
  assert.ok(saved.state.roundTripMs! >= 0);
});

test('a lost connection loses the answer: everything is pending until the next connection gets one (I1)', async (t) => {
  const server = await ReluctantServer.start(t);
  const { doc, saved } = connect(t, server.url);
  doc.getText('text').insert(0, 'early');
  await server.untilProbes(1);
  server.closeAll(1012, 'restart');
  await server.untilProbes(2);
  assert.equal(saved.state.saved, false);
  doc.getText('text').insert(0, 'late');
  server.answer();
  await until(saved, ({ savedEdits }) => savedEdits === 1);
  assert.equal(saved.state.saved, false);
  await server.untilProbes(1);
  server.answer();
  await until(saved, ({ saved }) => saved);
});

test('without a connection the state stays saved until the next edit', async (t) => {
  const server = await ReluctantServer.start(t);
  const { doc, provider, saved } = connect(t, server.url);
  await server.untilProbes(1);
  server.answer();
  await until(saved, ({ saved }) => saved);
  provider.disconnect();
  assert.equal(saved.state.saved, true);
  doc.getText('text').insert(0, 'x');
  assert.equal(saved.state.saved, false);
  provider.connect();
  await server.untilProbes(1);
  assert.equal(saved.state.saved, false);
});

test('edits from another tab are forwarded, and are pending until the server has them (I1)', async (t) => {
  const server = await ReluctantServer.start(t);
  const online = connect(t, server.url, { disableBc: false });
  await server.untilProbes(1);
  server.answer();
  await until(online.saved, ({ saved }) => saved);
  server.received.length = 0;

  // The other tab has no connection. Its content comes as a SyncStep2 on the channel.
  const other = new Y.Doc();
  const tab = new WebsocketProvider(server.url, 'doc', other, {
    WebSocketPolyfill: WebSocket as unknown as typeof globalThis.WebSocket,
    connect: false,
  });
  t.after(() => {
    tab.destroy();
    tab.awareness.destroy();
  });
  tab.connectBc();
  other.getText('text').insert(0, 'only in a tab');
  await until(online.saved, ({ saved }) => !saved);
  await server.untilProbes(1);
  assert.deepEqual(
    server.received.filter((type) => type === '0 2' || type === 'probe'),
    ['0 2', 'probe'],
  );
  server.answer();
  await until(online.saved, ({ saved }) => saved);
  assert.equal(online.doc.getText('text').toJSON(), 'only in a tab');
});

test('a provider is tracked once; stop restores its handlers', async (t) => {
  const server = await ReluctantServer.start(t);
  const { provider, saved } = connect(t, server.url);
  assert.throws(() => trackSaved(provider), /tracked already/);
  saved.stop();
  trackSaved(provider).stop();
});

test('onRefused reports code and reason of a final close, and of no other close', async (t) => {
  const server = await ReluctantServer.start(t);
  const { provider } = connect(t, server.url);
  const refusals: Refusal[] = [];
  const refused = new Promise<void>((resolve) => {
    onRefused(provider, (refusal) => {
      refusals.push(refusal);
      resolve();
    });
  });
  await server.untilProbes(1);
  server.closeAll(4529, 'later');
  await server.untilProbes(2);
  assert.deepEqual(refusals, []);
  server.closeAll(4403, 'not yours');
  await within(guardMs, 'the refusal', refused);
  assert.deepEqual(refusals, [{ code: 4403, reason: 'not yours' }]);
  assert.equal(provider.shouldConnect, false);
});

test('onRefused reports 1009 too, and the provider does not send the message again until it is told to', async (t) => {
  const server = await ReluctantServer.start(t);
  const { provider } = connect(t, server.url);
  const refusals: Refusal[] = [];
  const told = new Signal();
  const stop = onRefused(provider, (refusal) => {
    refusals.push(refusal);
    told.notify();
  });
  await server.untilProbes(1);
  server.closeAll(1009, 'message too large');
  await within(
    20_000,
    'the refusal',
    told.until(() => refusals.length > 0),
  );
  assert.deepEqual(refusals, [{ code: 1009, reason: 'message too large' }]);
  assert.equal(provider.shouldConnect, false);
  stop();
  provider.connect();
  await server.untilProbes(2);
  server.closeAll(1009, 'message too large');
  await server.untilProbes(3);
  assert.equal(refusals.length, 1, 'after the end of the calls nothing is told, and the provider comes back');
});
