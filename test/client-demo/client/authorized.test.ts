/** No edit is lost when a token expires: stock providers against a real server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { keepAuthorized } from '../../../client-demo/client/client.ts';
import type { WebsocketProvider } from 'y-websocket';
import { guardMs, within } from '../../support/deadline.ts';
import { guardedBySecret, guardedHeld } from '../../support/guarded-quire.ts';
import type { Quire } from '../../support/quire.ts';
import { Signal } from '../../support/signal.ts';
import { StockClient } from '../../support/stock-client.ts';
import { tokenFor } from '../../support/tokens.ts';

const hourMs = 3_600_000;

function clientOf(t: TestContext, quire: Quire): StockClient {
  const client = new StockClient(quire.url, 'doc', { connect: false });
  t.after(() => client.destroy());
  return client;
}

for (const inTime of [true, false]) {
  const how = inTime ? 'with the next token in time' : 'with the next token only after the end';
  test(`a user keeps typing while tokens expire, and no edit is lost, ${how}`, async (t) => {
    const { quire, clock } = await guardedHeld(t);
    /** The time of the server's clock, for the next token. */
    let nowMs = await clock.wallMs();
    let fetched = 0;
    const changed = new Signal();
    const writer = clientOf(t, quire);
    const ends: number[] = [];
    writer.provider.on('connection-close', (event) => ends.push(event?.code ?? 0));
    const stop = keepAuthorized(writer.provider, () => {
      fetched++;
      changed.notify();
      // For the client, the lifetime is from `iat` to `exp`: 100 ms, or so long that it never renews in time.
      const exp = (nowMs + hourMs) / 1_000;
      return tokenFor({ claims: { exp, iat: inTime ? exp - 0.1 : 1 } });
    });
    t.after(stop);
    const watcher = clientOf(t, quire);
    t.after(keepAuthorized(watcher.provider, () => tokenFor({ nowMs, lifetimeMs: 24 * hourMs, user: 'watcher' })));
    await Promise.all([writer.synced(), watcher.synced()]);
    let typed = 0;
    const typing = setInterval(() => writer.text.insert(writer.text.length, `${typed++} `), 20);
    t.after(() => clearInterval(typing));
    writer.provider.on('sync', () => changed.notify());
    for (let end = 1; end <= 2; end++) {
      nowMs += 2 * hourMs;
      const before = fetched;
      // The last token may have been requested with the earlier time.
      if (inTime)
        await within(
          guardMs,
          'the next tokens',
          changed.until(() => fetched >= before + 2),
        );
      await clock.pass(2 * hourMs);
      const back = changed.until(() => ends.length === end && writer.provider.synced);
      await within(guardMs, `the connection after end ${end}`, back);
    }
    clearInterval(typing);
    const whole = Array.from({ length: typed }, (_, i) => `${i} `).join('');
    await watcher.until(() => watcher.content === whole, 'all that was typed');
    t.diagnostic(`${typed} edits, ${fetched} tokens, ends ${ends.join(' ')}`);
    assert.deepEqual(ends, [4501, 4501]);
    assert.equal(writer.content, whole);
  });
}

test('an expired token is replaced once when the client connects; a bad one stops the provider', async (t) => {
  const quire = await guardedBySecret(t);
  const tokens = [await tokenFor({ lifetimeMs: -1 }), await tokenFor()];
  const client = clientOf(t, quire);
  t.after(keepAuthorized(client.provider, () => Promise.resolve(tokens.shift() ?? '')));
  await client.synced();

  let asked = 0;
  const refused = clientOf(t, quire);
  const stopped = refused.stopped();
  t.after(
    keepAuthorized(refused.provider, () => {
      asked++;
      return Promise.resolve('nonsense');
    }),
  );
  assert.equal((await stopped).code, 4401);
  assert.equal(asked, 2);
});

test('without a token the provider waits, and the application is asked every 5 s', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const provider = new FakeProvider();
  let asked = 0;
  const stop = keepAuthorized(provider as unknown as WebsocketProvider, async () => {
    await Promise.resolve();
    if (++asked < 3) throw new Error('offline');
    return 'opaque token + more';
  });
  await settled();
  for (let i = 1; i < 3; i++) {
    assert.deepEqual([asked, provider.connects], [i, 0]);
    t.mock.timers.tick(5_000);
    await settled();
  }
  assert.deepEqual([asked, provider.connects], [3, 1]);
  assert.deepEqual(provider.params, { theme: 'dark', token: 'opaque token + more' });
  t.mock.timers.tick(3_600_000);
  await settled();
  assert.equal(asked, 3);
  stop();
  assert.equal(provider.shouldReconnect({ code: 4501 }), 'as before');
});

/** The used part of a provider, without sockets. */
class FakeProvider {
  params = { theme: 'dark' };
  protocols: string[] = [];
  shouldConnect = false;
  connects = 0;
  shouldReconnect: (event: { code: number }) => unknown = () => 'as before';
  on(): void {}
  off(): void {}

  connect(): void {
    this.connects++;
  }
}

function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
