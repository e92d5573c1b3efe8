import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { pino } from 'pino';
import { AuthStats } from '../../../server/auth/auth-stats.ts';
import { JwksUrl } from '../../../server/auth/jwks-url.ts';
import { accessRefused } from '../../support/access-refused.ts';
import { JsonServer } from '../../support/json-server.ts';

const minuteMs = 60_000;
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

test('keys are fetched once, for all who ask meanwhile, and kept', async (t) => {
  const { server, find, clock } = await setUp(t, 'k1');
  assert.deepEqual(await Promise.all([find('k1'), find('k1'), find('k1')]), [1, 1, 1]);
  clock.nowMs += 9 * minuteMs;
  assert.equal(await find('k1'), 1);
  assert.equal(server.requests.length, 1);
});

test('a new key is there with the first token that names it', async (t) => {
  const { server, find, clock, publish } = await setUp(t, 'k1');
  assert.equal(await find('k1'), 1);
  publish('k1', 'k2');
  clock.nowMs += minuteMs;
  assert.equal(await find('k2'), 1);
  assert.equal(server.requests.length, 2);
});

test('made-up key ids do not make us ask more than once in 30 s', async (t) => {
  const { server, find, clock } = await setUp(t, 'k1');
  for (let i = 0; i < 50; i++) assert.equal(await find(`made up ${i}`), 0);
  assert.equal(server.requests.length, 1);
  clock.nowMs += 30_000;
  for (let i = 0; i < 50; i++) assert.equal(await find(`made up ${i}`), 0);
  assert.equal(server.requests.length, 2);
});

test('a key that is published no longer is gone after ten minutes, and nobody waited for it', async (t) => {
  const { find, clock, publish, url } = await setUp(t, 'k1');
  await find('k1');
  publish('k2');
  clock.nowMs += 10 * minuteMs;
  assert.equal(await find('k1'), 1);
  await url.refresh();
  assert.equal(await find('k1'), 0);
});

test('while the URL is down the keys serve on, for a day; after that nobody comes in', async (t) => {
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

test('for tokens of secrets the URL is not even asked', async (t) => {
  const { server, url } = await setUp(t, 'k1');
  for (const algorithm of ['HS256', 'none', 'made up']) assert.deepEqual(await url.find({ algorithm, id: 'k1' }), []);
  assert.equal(server.requests.length, 0);
});

test('before the first keys are there nobody comes in, and the URL is not stormed', async (t) => {
  const { server, find } = await setUp(t, 'k1');
  server.reply = () => ({ status: 503 });
  for (let i = 0; i < 10; i++) await assert.rejects(find('k1'), unavailable);
  assert.equal(server.requests.length, 1);
});
