import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { AuthStats } from '../../../server/auth/auth-stats.ts';
import { JwksUrl } from '../../../server/auth/jwks-url.ts';
import { accessRefused } from '../../support/access-refused.ts';
import { JsonServer } from '../../support/json-server.ts';

const minuteMs = 60_000;
const tooEarly = accessRefused('auth-unavailable', /cannot be fetched again yet/);
const unavailable = accessRefused('auth-unavailable', /cannot be fetched/);

function jwkOf(kid: string): object {
  return { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid };
}

async function setUp(t: TestContext, ...kids: string[]) {
  const server = await JsonServer.start(t);
  const clock = { nowMs: 1_700_000_000_000 };
  const stats = new AuthStats();
  const publish = (...names: string[]): void => {
    server.reply = () => ({ body: { keys: names.map(jwkOf) } });
  };
  publish(...kids);
  const url = new JwksUrl(server.url, { logger: pino({ level: 'silent' }), stats, now: () => clock.nowMs });
  const find = async (id: string): Promise<number> => (await url.find({ algorithm: 'EdDSA', id })).length;
  return { server, clock, stats, publish, url, find };
}

test('concurrent requests share one fetch of the keys, which are then cached', async (t) => {
  const { server, find, clock } = await setUp(t, 'k1');
  assert.deepEqual(await Promise.all([find('k1'), find('k1'), find('k1')]), [1, 1, 1]);
  clock.nowMs += 9 * minuteMs;
  assert.equal(await find('k1'), 1);
  assert.equal(server.requests.length, 1);
});

test('the first token that names a new key has it fetched', async (t) => {
  const { server, find, clock, publish } = await setUp(t, 'k1');
  assert.equal(await find('k1'), 1);
  publish('k1', 'k2');
  clock.nowMs += minuteMs;
  assert.equal(await find('k2'), 1);
  assert.equal(server.requests.length, 2);
});

test('made-up key ids cause at most one fetch in 30 s', async (t) => {
  const { server, find, clock } = await setUp(t, 'k1');
  assert.equal(await find('made up'), 0);
  for (let i = 0; i < 50; i++) await assert.rejects(find(`made up ${i}`), tooEarly);
  assert.equal(server.requests.length, 1);
  clock.nowMs += 30_000;
  assert.equal(await find('made up 50'), 0);
  for (let i = 51; i < 100; i++) await assert.rejects(find(`made up ${i}`), tooEarly);
  assert.equal(server.requests.length, 2);
});

test('a client with a key published within 30 s of a fetch may reconnect, and is then admitted', async (t) => {
  const { find, clock, publish } = await setUp(t, 'k1');
  assert.equal(await find('k1'), 1);
  publish('k1', 'k2');
  clock.nowMs += 1_000;
  await assert.rejects(find('k2'), tooEarly);
  clock.nowMs += 28_999;
  await assert.rejects(find('k2'), tooEarly);
  clock.nowMs += 1;
  assert.equal(await find('k2'), 1);
});

test('a key id is refused for good once a fetch 30 s after its first use has not found it', async (t) => {
  const { find, clock, server } = await setUp(t, 'k1');
  assert.equal(await find('k1'), 1);
  clock.nowMs += 1_000;
  await assert.rejects(find('stale'), tooEarly);
  clock.nowMs += 29_000;
  assert.equal(await find('other'), 0);
  // That fetch came 29 s after 'stale' was first seen: the provider may have published it since.
  await assert.rejects(find('stale'), tooEarly);
  clock.nowMs += 30_000;
  assert.equal(await find('another'), 0);
  assert.equal(await find('stale'), 0);
  assert.equal(server.requests.length, 3);
});

test('while the URL is down, an unknown key does not refuse a client for good', async (t) => {
  const { find, clock, server } = await setUp(t, 'k1');
  assert.equal(await find('k1'), 1);
  server.isDown = true;
  for (let minutes = 0; minutes < 5; minutes++) {
    clock.nowMs += minuteMs;
    await assert.rejects(find('k2'), tooEarly);
  }
});

test('a token that fits no key and names none has the keys fetched again, because keys may have no ids', async (t) => {
  const { url, server, clock, publish } = await setUp(t, 'k1');
  await url.find({ algorithm: 'EdDSA', id: null });
  const newer = (token: string, id: string | null = null) => url.findNewer({ algorithm: 'EdDSA', id }, token);
  await assert.rejects(newer('t1'), tooEarly);
  publish('k1', 'k2');
  clock.nowMs += 30_000;
  assert.equal((await newer('t1')).length, 2);
  assert.equal(server.requests.length, 2);
  // It names a key that is known, so a newer one cannot have signed it.
  assert.deepEqual(await newer('t2', 'k1'), []);
  assert.deepEqual(await url.findNewer({ algorithm: 'HS256', id: null }, 't3'), []);
});

for (const [what, byMs] of [
  ['ahead by a year', 365 * 24 * 60 * minuteMs],
  ['ahead by a minute', minuteMs],
] as const) {
  test(`after a clock that was ${what} and was corrected, keys stay in use and are fetched as usual`, async (t) => {
    const { find, clock, server, publish, url } = await setUp(t, 'k1');
    clock.nowMs += byMs;
    assert.equal(await find('k1'), 1);
    clock.nowMs -= byMs;
    server.isDown = true;
    assert.equal(await find('k1'), 1);
    await url.refresh();
    server.isDown = false;
    publish('k1', 'k2');
    clock.nowMs += 30_000;
    assert.equal(await find('k2'), 1);
  });
}

test('a clock that jumps ahead only has the keys fetched again', async (t) => {
  const { find, clock, server } = await setUp(t, 'k1');
  assert.equal(await find('k1'), 1);
  clock.nowMs += 365 * 24 * 60 * minuteMs;
  assert.equal(await find('k1'), 1);
  assert.equal(server.requests.length, 2);
});

test('the answer of another server is logged by code and message, not by its content', async (t) => {
  const garbage = createServer((socket) => void socket.on('error', () => {}).end('\u001b[31mgarbage '.repeat(10_000)));
  garbage.listen(0, '127.0.0.1');
  await once(garbage, 'listening');
  t.after(() => void garbage.close());
  const { port } = garbage.address() as AddressInfo;
  let log = '';
  const logger = pino({}, { write: (line) => void (log += line) });
  const url = new JwksUrl(new URL(`http://127.0.0.1:${port}/`), { logger, stats: new AuthStats(), now: Date.now });
  await url.refresh();
  assert.match(log, /HPE_INVALID_CONSTANT/);
  assert.ok(log.length < 1_000, `${log.length} characters`);
});

test('a withdrawn key is dropped after ten minutes, and no client waits for the fetch', async (t) => {
  const { find, clock, publish, url } = await setUp(t, 'k1');
  await find('k1');
  publish('k2');
  clock.nowMs += 10 * minuteMs;
  assert.equal(await find('k1'), 1);
  await url.refresh();
  assert.equal(await find('k1'), 0);
});

test('while the URL is down the keys stay in use for a day; after that every client is refused', async (t) => {
  const { server, find, clock, stats, url, publish } = await setUp(t, 'k1');
  await find('k1');
  const outages: (() => void)[] = [
    () => (server.isDown = true),
    () => (server.reply = () => ({ status: 500 })),
    () => (server.reply = () => ({ body: '<html>' })),
    () => (server.reply = () => ({ body: { keys: [] } })),
    () => (server.reply = () => ({ body: { keys: 'x'.repeat(300 * 1024) } })),
    () => (server.reply = () => ({ status: 302 })),
  ];
  for (const [index, fail] of outages.entries()) {
    server.isDown = false;
    fail();
    clock.nowMs += 20 * minuteMs;
    assert.equal(await find('k1'), 1);
    await url.refresh();
    assert.equal(stats.unavailable, index + 1);
  }
  clock.nowMs += 24 * 60 * minuteMs;
  await assert.rejects(find('k1'), unavailable);
  server.isDown = false;
  publish('k1');
  clock.nowMs += 1_000;
  assert.equal(await find('k1'), 1);
});

test('tokens signed with a secret cause no request to the URL', async (t) => {
  const { server, url } = await setUp(t, 'k1');
  for (const algorithm of ['HS256', 'none', 'made up']) assert.deepEqual(await url.find({ algorithm, id: 'k1' }), []);
  assert.equal(server.requests.length, 0);
});

test('until the first fetch succeeds every client is refused, and the URL is not flooded with requests', async (t) => {
  const { server, find } = await setUp(t, 'k1');
  server.reply = () => ({ status: 503 });
  for (let i = 0; i < 10; i++) await assert.rejects(find('k1'), unavailable);
  assert.equal(server.requests.length, 1);
});
