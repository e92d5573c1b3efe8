/** Messages of clients that are not authorized yet: I7. */
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
const mb = 1024 * 1024;
const strangers = 100;
/**
 * The bound for one connection, the rest of the same read from the socket, and the overhead of the server per chunk.
 */
const earlyBytes = 3 * 64 * 1024 + 1_024;

/** A server whose application answers when the test says so, with 401 for bad tokens. */
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

/** An open connection of a client that is not authorized. */
async function stranger(t: TestContext, quire: Quire, number: number): Promise<Socket> {
  const { port } = new URL(quire.url);
  const socket = connect({ port: Number(port), host: '127.0.0.1', localAddress: '127.0.0.66' });
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(upgradeRequest(`/sync/doc-${number}?token=opaque-bad-${number}`));
  await within(timeoutMs, 'the upgrade', once(socket, 'data'));
  return socket;
}

test('of 100 unauthorized clients with 19 MB each, the server reads only a little', async (t) => {
  const { quire, asked, answer } = await setUp(t);
  const sockets = await Promise.all(Array.from({ length: strangers }, (_, i) => stranger(t, quire, i)));
  const before = quire.process.usage().rssBytes;
  const message = clientFrame(0x82, new Uint8Array(19 * mb));
  for (const socket of sockets) socket.write(message);
  // A client with a valid token and as many bytes shows that the server continues to read.
  const honest = new StockClient(quire.url, 'doc', { params: { token: 'opaque-good' } });
  t.after(() => honest.destroy());
  honest.text.insert(0, 'x'.repeat(5 * mb));
  await asked('opaque-good');
  answer('opaque-good');
  await honest.synced(timeoutMs);
  await honest.saved(timeoutMs);
  const metrics = await metricsOf(quire);
  // The bytes of the honest client that the last measurement may include.
  const waiting = metrics.get('quire_waiting_message_bytes') ?? NaN;
  assert.ok(waiting <= strangers * earlyBytes + 6 * mb, `${waiting} bytes wait`);
  // The peak, because on a busy machine the others may be refused before the honest client is served.
  const grownMb = (quire.process.usage().peakRssBytes - before) / mb;
  t.diagnostic(`${grownMb.toFixed(0)} MB more, of which ${(waiting / mb).toFixed(1)} MB wait`);
  assert.ok(grownMb < 200, `${grownMb} MB more for ${strangers} strangers`);
});

test('a stock client that sends megabytes of offline edits at once joins when its token is valid', async (t) => {
  const { quire, asked, answer } = await setUp(t);
  const client = new StockClient(quire.url, 'doc', { params: { token: 'opaque-good' }, connect: false });
  t.after(() => client.destroy());
  client.text.insert(0, 'offline '.repeat(mb));
  client.provider.connect();
  await asked('opaque-good');
  // It has sent its SyncStep1 and its presence, and answers the server's SyncStep1 with all edits.
  answer('opaque-good');
  await client.synced(timeoutMs);
  await client.saved(timeoutMs);
  assert.ok(client.isConnected);
});
