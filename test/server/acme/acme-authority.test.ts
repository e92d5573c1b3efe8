/** Orders from Pebble, Let's Encrypt's authority for tests, behind a gateway that injects faults. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import type { GatewayRequest } from '../../support/faulty-gateway.ts';
import { Disposer } from '../../support/owner.ts';
import { needs } from '../../support/programs.ts';
import { name, problem, setUp, startAuthority } from './behind-gateway.ts';
import type { SharedAuthority } from './behind-gateway.ts';

const minuteMs = 60_000;
const options = needs('pebble');
const owner = new Disposer();
let authority: SharedAuthority;

before(async () => {
  if (options.skip === false) authority = await startAuthority(owner);
});
after(() => owner.dispose());

/** The payload of a signed request. */
function payloadOf({ body }: GatewayRequest): Readonly<Record<string, unknown>> {
  const { payload } = JSON.parse(body) as { payload: string };
  return JSON.parse(Buffer.from(payload, 'base64url').toString()) as Readonly<Record<string, unknown>>;
}

test(
  'a renewal swaps the certificate while connections stay, and only the authority sees the challenge answer',
  options,
  async (t) => {
    const shown: Promise<string>[] = [];
    const { harness, port } = await setUp(t, authority, ({ path }) => {
      // Another client connects while the name is being checked.
      if (path.startsWith('/chalZ/')) shown.push(harness.shown(name), harness.shown(name, ['acme-tls/1', 'http/1.1']));
      return null;
    });
    const placeholder = await harness.shown(name);
    harness.begin();
    await harness.line('certificate reloaded');
    const first = await harness.shown(name);
    assert.notEqual(first, placeholder);
    assert.deepEqual(await Promise.all(shown), [placeholder, placeholder]);
    assert.equal(harness.acme.answers.fetched > 0, true);

    const socket = connect({ port, host: '127.0.0.1', servername: name, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const [served] = harness.served.current;
    const lifetimeMs = served!.notAfterMs - served!.notBeforeMs;
    harness.clock.advance(lifetimeMs * 0.6);
    await harness.shown(name);
    assert.equal(harness.lines.filter(({ msg }) => msg === 'certificate ordered').length, 1);
    harness.clock.advance(lifetimeMs * 0.06);
    await harness.line('certificate reloaded', 2);
    const second = await harness.shown(name);
    assert.notEqual(second, first);
    socket.write(`GET / HTTP/1.1\r\nHost: ${name}\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    assert.match(answer.toString(), /^HTTP\/1\.1 200 /);
    socket.destroy();
  },
);

test("a rate limit is respected to the second, and reported with the authority's message", options, async (t) => {
  let limited = true;
  const { harness, gateway } = await setUp(t, authority, ({ path }) =>
    limited && path === '/order-plz'
      ? problem(429, 'rateLimited', 'too many certificates already issued', { 'Retry-After': '7200' })
      : null,
  );
  harness.begin();
  const { error, reason, advice } = await harness.line('certificate not obtained');
  assert.deepEqual([error, reason], ['rateLimited', 'too many certificates already issued']);
  assert.match(String(advice), /--acme-staging/);
  const asked = gateway.requests.length;
  harness.clock.advance(119 * minuteMs);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(gateway.requests.length, asked);
  limited = false;
  harness.clock.advance(minuteMs);
  harness.clock.advance(15 * minuteMs);
  await harness.line('certificate reloaded');
});

test('a slow authority is waited for, and a used nonce is retried', options, async (t) => {
  let looks = 0;
  let nonces = 0;
  const { harness } = await setUp(t, authority, ({ path }) => {
    if (path.startsWith('/my-order/') && looks++ < 3) {
      return { rewrite: (body) => body.replace(/"status": "(ready|valid)"/, '"status": "processing"') };
    }
    return path === '/order-plz' && nonces++ < 2 ? problem(400, 'badNonce', 'used', { 'Replay-Nonce': 'stale' }) : null;
  });
  harness.begin();
  await harness.line('certificate reloaded');
  assert.ok(looks > 3 && nonces > 2, `${looks} looks, ${nonces} orders`);
});

test(
  'an authority with renewal information is told which certificate is replaced; if it refuses, the order omits it',
  options,
  async (t) => {
    let refused = 0;
    let asked = 0;
    const nowMs = Date.now();
    const window = { start: new Date(nowMs).toISOString(), end: new Date(nowMs + 1_000).toISOString() };
    const { harness, gateway } = await setUp(t, authority, (request) => {
      const { path } = request;
      if (path === '/dir')
        return { rewrite: (body) => body.replace('{', `{"renewalInfo": "${gateway.directoryUrl.origin}/renewal",`) };
      if (path.startsWith('/renewal/')) {
        asked++;
        return {
          status: 200,
          body: JSON.stringify({ suggestedWindow: window, explanationURL: 'https://ca.test/why' }),
        };
      }
      if (path === '/order-plz' && 'replaces' in payloadOf(request) && refused++ === 0) {
        return problem(409, 'alreadyReplaced', 'has been replaced');
      }
      return null;
    });
    harness.begin();
    await harness.line('certificate reloaded');
    // A day later the authority asks for a renewal.
    for (let hours = 0; hours < 25; hours++) {
      harness.clock.advance(60 * minuteMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await harness.line('certificate reloaded', 2);
    assert.equal((await harness.line('certificate ordered', 2))['explanation'], 'https://ca.test/why');
    assert.equal(refused, 1);
    assert.ok(asked >= 1);
    const orders = gateway.requests.filter(({ path }) => path === '/order-plz').map(payloadOf);
    assert.deepEqual(
      orders.map((order) => 'replaces' in order),
      [false, true, false],
    );
  },
);
