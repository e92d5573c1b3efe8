import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { AccessError } from '../../../server/auth/access-error.ts';
import { AuthStats } from '../../../server/auth/auth-stats.ts';
import { CalloutAuthenticator } from '../../../server/auth/callout-authenticator.ts';
import type { RefusedError } from '../../../server/errors.ts';
import { accessRefused } from '../../support/access-refused.ts';
import { guardMs, within } from '../../support/deadline.ts';
import { JsonServer } from '../../support/json-server.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { Signal } from '../../support/signal.ts';

const swallow = (): void => {};
const attempt = { docId: 'doc', token: 'opaque', origin: 'https://app.example', address: '192.0.2.7' };

/** A timer that never fires, so that no answer is too late on a busy machine. */
const never = (): (() => void) => swallow;

async function setUp(t: TestContext) {
  const app = await JsonServer.start(t);
  const clock = { nowMs: 1_700_000_000_000 };
  const stats = new AuthStats();
  const answer = { userId: 'u1', name: 'Ada', access: 'write', until: clock.nowMs / 1_000 + 60 };
  app.reply = () => ({ body: answer });
  const authenticator = new CalloutAuthenticator({ url: app.url, stats, now: () => clock.nowMs, after: never });
  return { app, clock, stats, answer, authenticator };
}

test('the application receives document, token, origin and address, and its answer becomes the grant', async (t) => {
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

test('an answer is cached until its end for identical attempts only; each caller gets its own grant', async (t) => {
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

test('concurrent attempts with the same token share one request', async (t) => {
  const { app, authenticator } = await setUp(t);
  await Promise.all(Array.from({ length: 20 }, () => authenticator.authenticate(attempt)));
  assert.equal(app.requests.length, 1);
});

test('a hundred different attempts at once use 64 sockets, and all are answered', async (t) => {
  const { app, authenticator } = await setUp(t);
  const all = Array.from({ length: 100 }, (_, i) => authenticator.authenticate({ ...attempt, docId: `d${i}` }));
  assert.equal((await Promise.all(all)).length, 100);
  assert.equal(app.requests.length, 100);
});

test('401 and 403 refuse the client, are not cached, and drop the cached answer', async (t) => {
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

test('an answer that switches protocols admits no client, and the request ends at once', async (t) => {
  const { app, authenticator } = await setUp(t);
  app.switchesProtocols = true;
  const why = accessRefused('auth-unavailable', /switches protocols/);
  await assert.rejects(within(guardMs, 'a refusal', authenticator.authenticate(attempt)), why);
});

test('an application that is down, slow or answers wrongly admits no client', async (t) => {
  const { app, authenticator, answer, clock, stats } = await setUp(t);
  const bodies: [unknown, RegExp][] = [
    [{ ...answer, userId: undefined }, /'userId'/],
    [{ ...answer, access: 'all' }, /'access'/],
    [{ ...answer, until: undefined }, /'until'/],
    [{ ...answer, until: null }, /'until'/],
    [{ ...answer, until: clock.nowMs + 60_000 }, /milliseconds/],
    [{ ...answer, until: clock.nowMs / 1_000 - 1 }, /already passed/],
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

/** An application that answers on command: 401 for `bad…`, otherwise the answer of the test. */
async function setUpByCommand(t: TestContext) {
  const { app, authenticator, answer, clock } = await setUp(t);
  const held: { readonly token: string; answer(): void }[] = [];
  const changed = new Signal();
  app.reply = (body) => {
    const { token } = body as { readonly token: string };
    return new Promise((resolve) => {
      const reply = token.startsWith('bad') ? { status: 401 } : { body: answer };
      held.push({ token, answer: () => resolve(reply) });
      changed.notify();
    });
  };
  const asked = (count: number): Promise<void> =>
    within(
      60_000,
      `${count} requests at the application`,
      changed.until(() => held.length >= count),
    );
  t.after(() => held.forEach((one) => one.answer()));
  return { app, authenticator, held, asked, clock };
}

test('400 bad tokens of one address leave request places for another address, which is asked for at once', async (t) => {
  const { authenticator, held, asked } = await setUpByCommand(t);
  for (let i = 0; i < 400; i++) {
    authenticator.authenticate({ ...attempt, token: `bad ${i}`, address: '192.0.2.66' }).catch(swallow);
  }
  await asked(32);
  const honest = authenticator.authenticate({ ...attempt, token: 'honest' });
  await asked(33);
  assert.equal(held.length, 33, 'the address with 400 has half of the 64 places');
  assert.equal(held.at(-1)?.token, 'honest');
  held.at(-1)?.answer();
  assert.equal((await honest).userId, 'u1');
});

test('when bad tokens of a hundred addresses take all places, the next free place goes to an address without one', async (t) => {
  const { authenticator, held, asked } = await setUpByCommand(t);
  for (let i = 0; i < 2_000; i++) {
    authenticator.authenticate({ ...attempt, token: `bad ${i}`, address: `192.0.2.${i % 100}` }).catch(swallow);
  }
  await asked(64);
  const honest = authenticator.authenticate({ ...attempt, token: 'honest', address: '203.0.113.1' });
  // 36 of the addresses wait for their first place, as this one does, and came before it.
  for (let answered = 0; answered < 37; answered++) {
    held[answered]?.answer();
    await asked(65 + answered);
  }
  assert.equal(held.at(-1)?.token, 'honest');
  held.at(-1)?.answer();
  assert.equal((await honest).userId, 'u1');
});

test('renewals of live sessions do not wait behind joins from the same address', async (t) => {
  const { authenticator, held, asked } = await setUpByCommand(t);
  for (let i = 0; i < 100; i++) authenticator.authenticate({ ...attempt, token: `bad ${i}` }).catch(swallow);
  await asked(32);
  authenticator.recheck({ ...attempt, token: 'renewed' }).catch(swallow);
  await asked(33);
  assert.equal(held.at(-1)?.token, 'renewed');
});

test('too many waiting attempts reach the limit, a long wait is a 4503, and an attempt whose client left is not asked for', async (t) => {
  const app = await JsonServer.start(t);
  app.reply = () => new Promise(swallow);
  const timers = new ManualClock();
  const authenticator = new CalloutAuthenticator({
    url: app.url,
    stats: new AuthStats(),
    now: () => timers.wallMs(),
    after: (delayMs, callback) => timers.after(delayMs, callback).cancel,
  });
  const all = Array.from({ length: 32 + 1_000 }, (_, i) =>
    authenticator.authenticate({ ...attempt, token: `t${i}` }).then(swallow, (error: RefusedError) => error),
  );
  await assert.rejects(authenticator.authenticate(attempt), {
    code: 'limit-reached',
    limit: 'access-checks-per-address',
  });
  assert.equal(authenticator.waitingChecks, 1_000);
  timers.advance(3_000);
  const late = await all.at(-1);
  assert.ok(late instanceof AccessError && late.code === 'auth-unavailable');
  assert.match(late.why, /within 3000 ms/);
  assert.equal(authenticator.waitingChecks, 0);
});

test('an application that does not answer within 5 s is unavailable, and the next attempt asks it again', async (t) => {
  const app = await JsonServer.start(t);
  const asked = new Signal();
  app.reply = () => {
    asked.notify();
    return new Promise(swallow);
  };
  const timers = new ManualClock();
  const authenticator = new CalloutAuthenticator({
    url: app.url,
    stats: new AuthStats(),
    now: () => timers.wallMs(),
    after: (delayMs, callback) => timers.after(delayMs, callback).cancel,
  });
  for (const requests of [1, 2]) {
    const answer = authenticator.authenticate(attempt).then(swallow, (error: unknown) => error);
    await within(
      guardMs,
      'the question',
      asked.until(() => app.requests.length === requests),
    );
    timers.advance(4_999);
    timers.advance(1);
    const late = await answer;
    assert.ok(late instanceof AccessError && late.code === 'auth-unavailable');
    assert.match(late.why, /no answer within 5000 ms/);
    assert.deepEqual(timers.pending, []);
  }
});

test('an attempt that two clients share is asked for as long as one of them is connected', async (t) => {
  const { authenticator, held, asked } = await setUpByCommand(t);
  for (let i = 0; i < 33; i++) authenticator.authenticate({ ...attempt, token: `bad ${i}` }).catch(swallow);
  await asked(32);
  let isGone = false;
  const first = authenticator.authenticate({ ...attempt, isGone: () => isGone });
  const second = authenticator.authenticate(attempt);
  const left = authenticator.authenticate({ ...attempt, token: 'left', isGone: () => true });
  isGone = true;
  for (const one of held.slice(0, 3)) one.answer();
  await assert.rejects(left, { code: 'not-live' });
  await asked(34);
  held.at(-1)?.answer();
  assert.equal((await second).userId, 'u1');
  assert.equal((await first).userId, 'u1');
});
