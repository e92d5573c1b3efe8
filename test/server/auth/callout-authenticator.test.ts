import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { AuthStats } from '../../../server/auth/auth-stats.ts';
import { CalloutAuthenticator } from '../../../server/auth/callout-authenticator.ts';
import { accessRefused } from '../../support/access-refused.ts';
import { guardMs, within } from '../../support/deadline.ts';
import { JsonServer } from '../../support/json-server.ts';

const attempt = { docId: 'doc', token: 'opaque', origin: 'https://app.example', address: '192.0.2.7' };

async function setUp(t: TestContext) {
  const app = await JsonServer.start(t);
  const clock = { nowMs: 1_700_000_000_000 };
  const stats = new AuthStats();
  const answer = { userId: 'u1', name: 'Ada', access: 'write', until: clock.nowMs / 1_000 + 60 };
  app.reply = () => ({ body: answer });
  const authenticator = new CalloutAuthenticator({ url: app.url, stats, now: () => clock.nowMs });
  return { app, clock, stats, answer, authenticator };
}

test('the application is told document, token, origin and address, and its answer is the grant', async (t) => {
  const { app, authenticator, clock } = await setUp(t);
  assert.deepEqual(await authenticator.authenticate(attempt), {
    userId: 'u1',
    person: { name: 'Ada', color: null },
    docId: 'doc',
    access: 'write',
    untilMs: clock.nowMs + 60_000,
    tokenId: null,
  });
  assert.deepEqual(app.requests, [
    { document: 'doc', token: 'opaque', origin: 'https://app.example', address: '192.0.2.7' },
  ]);
});

test('an answer holds until its end, for the same attempt alone; everybody has a grant of their own', async (t) => {
  const { app, authenticator, clock, answer } = await setUp(t);
  const first = await authenticator.authenticate(attempt);
  clock.nowMs += 59_000;
  const second = await authenticator.authenticate(attempt);
  assert.deepEqual(second, first);
  assert.notEqual(second, first);
  assert.notEqual(await authenticator.authenticate(attempt), second);
  assert.equal(app.requests.length, 1);
  for (const other of [{ docId: 'd2' }, { token: null }, { origin: null }, { address: '192.0.2.8' }]) {
    await authenticator.authenticate({ ...attempt, ...other });
  }
  assert.equal(app.requests.length, 5);
  clock.nowMs += 1_000;
  answer.until += 60;
  await authenticator.authenticate(attempt);
  assert.equal(app.requests.length, 6);
});

test('those who come together with the same token are one request', async (t) => {
  const { app, authenticator } = await setUp(t);
  await Promise.all(Array.from({ length: 20 }, () => authenticator.authenticate(attempt)));
  assert.equal(app.requests.length, 1);
});

test('a hundred different ones at once are asked for over 64 sockets, and all are answered', async (t) => {
  const { app, authenticator } = await setUp(t);
  const all = Array.from({ length: 100 }, (_, i) => authenticator.authenticate({ ...attempt, docId: `d${i}` }));
  assert.equal((await Promise.all(all)).length, 100);
  assert.equal(app.requests.length, 100);
});

test('401 and 403 are refusals, are not cached, and end what was cached', async (t) => {
  const { app, authenticator, answer } = await setUp(t);
  for (const [status, code] of [
    [401, 'unauthorized'],
    [403, 'forbidden'],
  ] as const) {
    app.reply = () => ({ body: answer });
    await authenticator.authenticate(attempt);
    app.reply = () => ({ status });
    await assert.rejects(authenticator.recheck(attempt), accessRefused(code, new RegExp(`${status}`)));
    await assert.rejects(authenticator.authenticate(attempt), accessRefused(code, new RegExp(`${status}`)));
  }
});

test('an answer that is none but a switch of protocols lets nobody in, and nobody waits for more', async (t) => {
  const { app, authenticator } = await setUp(t);
  app.switchesProtocols = true;
  const why = accessRefused('auth-unavailable', /switches protocols/);
  await assert.rejects(within(guardMs, 'a refusal', authenticator.authenticate(attempt)), why);
});

test('an application that is down, slow to answer right, or wrong lets nobody in', async (t) => {
  const { app, authenticator, answer, clock, stats } = await setUp(t);
  const bodies: [unknown, RegExp][] = [
    [{ ...answer, userId: undefined }, /'userId'/],
    [{ ...answer, access: 'all' }, /'access'/],
    [{ ...answer, until: undefined }, /'until'/],
    [{ ...answer, until: null }, /'until'/],
    [{ ...answer, until: clock.nowMs + 60_000 }, /milliseconds/],
    [{ ...answer, until: clock.nowMs / 1_000 - 1 }, /passed already/],
    ['<html>', /cannot be used/],
    ['null', /cannot be used/],
    ['x'.repeat(20_000), /larger than/],
  ];
  for (const [body, why] of bodies) {
    app.reply = () => ({ body });
    await assert.rejects(authenticator.authenticate(attempt), accessRefused('auth-unavailable', why), String(why));
  }
  for (const status of [302, 404, 500, 204]) {
    app.reply = () => ({ status, body: answer });
    await assert.rejects(authenticator.authenticate(attempt), accessRefused('auth-unavailable', /status/));
  }
  app.isDown = true;
  await assert.rejects(authenticator.authenticate(attempt), accessRefused('auth-unavailable', /no answer/));
  assert.equal(stats.unavailable, bodies.length + 5);
});
