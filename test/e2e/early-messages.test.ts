/** What clients send before anybody knows who they are: I7. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { within } from '../support/deadline.ts';
import { guarded } from '../support/guarded-quire.ts';
import { JsonServer } from '../support/json-server.ts';
import { metricsOf } from '../support/metrics.ts';
import { upgradeRequest } from '../support/net-harness.ts';
import { clientFrame } from '../support/raw-socket.ts';
import type { Quire } from '../support/quire.ts';
import { Signal } from '../support/signal.ts';
import { StockClient } from '../support/stock-client.ts';

const timeoutMs = 60_000;
const MB = 1024 * 1024;
const strangers = 100;
/** The bound for one connection, what the same read from the socket may bring along, and what the server adds for each piece. */
const earlyBytes = 3 * 64 * 1024 + 1_024;

/** A server whose application answers by command: 401 for bad tokens. */
async function setUp(t: TestContext) {
  const application = await JsonServer.start(t);
  const held: { readonly token: string; answer(): void }[] = [];
  const changed = new Signal();
  application.reply = (body) => {
    const { token } = body as { readonly token: string };
    const until = Math.floor(Date.now() / 1_000) + 60;
    const reply = token === 'opaque-good' ? { body: { userId: 'u1', access: 'write', until } } : { status: 401 };
    return new Promise((resolve) => {
      held.push({ token, answer: () => resolve(reply) });
      changed.notify();
    });
  };
  t.after(() => held.forEach(({ answer }) => answer()));
  const quire = await guarded(t, ['--auth-url', application.url.href]);
  const asked = (token: string): Promise<void> =>
    within(
      timeoutMs,
      `the question about ${token}`,
      changed.until(() => held.some((one) => one.token === token)),
    );
  const answer = (token: string): void => held.find((one) => one.token === token)?.answer();
  return { quire, asked, answer };
}

/** A connection of a stranger that is open. */
async function stranger(t: TestContext, quire: Quire, number: number): Promise<Socket> {
  const { port } = new URL(quire.url);
  const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: '127.0.0.66' });
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(upgradeRequest(`/sync/doc-${number}?token=opaque-bad-${number}`));
  await within(timeoutMs, 'the upgrade', once(socket, 'data'));
  return socket;
}

test('a hundred strangers with 19 MB each make the server read no more than a little of each', async (t) => {
  const { quire, asked, answer } = await setUp(t);
  const sockets = await Promise.all(Array.from({ length: strangers }, (_, i) => stranger(t, quire, i)));
  const before = quire.process.usage().rssBytes;
  const message = clientFrame(0x82, new Uint8Array(19 * MB));
  for (const socket of sockets) socket.write(message);
  // A client with a good token and as much to say shows that the server goes on reading.
  const honest = new StockClient(quire.url, 'doc', { params: { token: 'opaque-good' } });
  t.after(() => honest.destroy());
  honest.text.insert(0, 'x'.repeat(5 * MB));
  await asked('opaque-good');
  answer('opaque-good');
  await honest.synced(timeoutMs);
  await honest.saved(timeoutMs);
  const metrics = await metricsOf(quire);
  // Of the honest client, what the last look may have found.
  const waiting = metrics.get('quire_waiting_message_bytes') ?? NaN;
  assert.ok(waiting <= strangers * earlyBytes + 6 * MB, `${waiting} bytes wait`);
  // The peak: on a busy machine the strangers may be refused before the honest client is served.
  const grownMb = (quire.process.usage().peakRssBytes - before) / MB;
  t.diagnostic(`${grownMb.toFixed(0)} MB more, of which ${(waiting / MB).toFixed(1)} MB wait`);
  assert.ok(grownMb < 200, `${grownMb} MB more for ${strangers} strangers`);
});

test('a stock client that sends megabytes of offline edits at once gets in unharmed when its token turns out good', async (t) => {
  const { quire, asked, answer } = await setUp(t);
  const client = new StockClient(quire.url, 'doc', { params: { token: 'opaque-good' }, connect: false });
  t.after(() => client.destroy());
  client.text.insert(0, 'offline '.repeat(MB));
  client.provider.connect();
  await asked('opaque-good');
  // It has sent its SyncStep1 and its presence by now, and answers the server's question with all of it.
  answer('opaque-good');
  await client.synced(timeoutMs);
  await client.saved(timeoutMs);
  assert.ok(client.isConnected);
});
